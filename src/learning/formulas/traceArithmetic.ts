/** Formula arithmetic whose quantities are f32 values of a trace: what turns a formula into a part of a training graph.
 */
import { abs, add, clip, exp, log, maximum, minimum, mul, sub } from '../../engine/tensor/ops/all.js';
import type { Value } from '../../engine/tensor/value.js';
import type { Arithmetic } from './arithmetic.js';

/** Elementwise, over values of one shape. */
export const traced: Arithmetic<Value> = {
  add,
  sub,
  mul,
  scale: (a, factor) => mul(a, factor),
  shift: (a, offset) => add(a, offset),
  exp,
  log,
  abs,
  atMost: (a, limit) => minimum(a, limit),
  max: (a, b) => maximum(a, b),
  clip,
};
