/** Formula arithmetic in plain numbers. */
import type { Arithmetic } from './arithmetic.js';

export const numbers: Arithmetic<number> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  scale: (a, factor) => a * factor,
  shift: (a, offset) => a + offset,
  exp: Math.exp,
  log: Math.log,
  abs: Math.abs,
  atMost: Math.min,
  max: Math.max,
  clip: (a, low, high) => Math.min(Math.max(a, low), high),
};
