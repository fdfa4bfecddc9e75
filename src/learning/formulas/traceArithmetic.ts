/** Formula arithmetic whose quantities are f32 values of a trace: what turns a formula into a part of a training graph. */
import { abs, add, exp, log, minimum, mul, sub } from '../../engine/tensor/ops/all.js';
import type { Trace, Value } from '../../engine/tensor/value.js';
import type { Arithmetic } from './arithmetic.js';

/** The same operations as nodes of a trace; quantities are f32 values of any one shape. */
export function overTrace(trace: Trace): Arithmetic<Value> {
  const scalar = (value: number): Value => trace.constant('f32', [], [value]);
  return {
    add,
    sub,
    mul,
    scale: (a, factor) => mul(a, scalar(factor)),
    shift: (a, offset) => add(a, scalar(offset)),
    exp,
    log,
    abs,
    atMost: (a, limit) => minimum(a, scalar(limit)),
  };
}
