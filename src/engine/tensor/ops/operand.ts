/** Numbers as operands of binary ops: `mul(x, 0.5)`. */
import { ShapeError } from '../../../base/errors.js';
import type { Value } from '../value.js';

/** A value, or a number that becomes a scalar constant of the other operand's element type. */
export type Operand = Value | number;

export function operands(a: Operand, b: Operand): [Value, Value] {
  if (typeof a !== 'number') return [a, typeof b === 'number' ? scalarLike(a, b) : b];
  if (typeof b !== 'number') return [scalarLike(b, a), b];
  throw new ShapeError('no operand is a value', {
    expected: 'at least one Value',
    got: `${String(a)} and ${String(b)}`,
  });
}

/** A scalar constant of the value's element type. */
export function scalarLike(value: Value, number: number): Value {
  return value.trace.constant(value.dtype, [], [number]);
}
