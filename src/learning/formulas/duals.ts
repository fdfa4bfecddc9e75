/** A number with its derivative along one input, so that the gradient of a formula needs no graph: where the weights are
 *  elsewhere, and in tests. */
import type { Arithmetic } from './arithmetic.js';

export interface Dual {
  readonly v: number;
  readonly d: number;
}

export const duals: Arithmetic<Dual> = {
  add: (a, b) => ({ v: a.v + b.v, d: a.d + b.d }),
  sub: (a, b) => ({ v: a.v - b.v, d: a.d - b.d }),
  mul: (a, b) => ({ v: a.v * b.v, d: a.d * b.v + a.v * b.d }),
  scale: (a, k) => ({ v: a.v * k, d: a.d * k }),
  shift: (a, k) => ({ v: a.v + k, d: a.d }),
  exp: (a) => ({ v: Math.exp(a.v), d: a.d * Math.exp(a.v) }),
  log: (a) => ({ v: Math.log(a.v), d: a.d / a.v }),
  abs: (a) => ({ v: Math.abs(a.v), d: a.d * Math.sign(a.v) }),
  // At the limit itself half, so that the derivative of log σ at 0 is what it is: a policy at its reference is there.
  atMost: (a, limit) => (a.v < limit ? a : { v: limit, d: a.v === limit ? a.d / 2 : 0 }),
  max: (a, b) => (a.v === b.v ? { v: a.v, d: (a.d + b.d) / 2 } : a.v > b.v ? a : b),
  clip: (a, low, high) => (a.v < low || a.v > high ? { v: Math.min(Math.max(a.v, low), high), d: 0 } : a),
};
