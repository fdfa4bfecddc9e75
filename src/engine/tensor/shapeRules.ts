/** Checks and rules that the ops share: broadcasting, axes, operands. Every failure is a ShapeError that names the op.
 */
import { ShapeError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { formatShape, sameShape, symbolsOf, type Dim, type Shape } from './dimension.js';
import { expectDType, type DType } from './dtype.js';
import type { Node, TensorType, Trace, Value } from './value.js';

/** The element at an index that the op's arity proves present. */
export function at<T>(list: readonly T[], index: number): T {
  return present(list[index], `operand ${String(index)} is there`);
}

/** NumPy broadcasting on canonical symbolic shapes: sizes match when equal or when one of them is the number 1. */
export function broadcastShapes(where: string, ...shapes: readonly Shape[]): Shape {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const dims = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1);
    const size = dims.find((dim) => dim !== 1) ?? 1;
    if (dims.some((dim) => dim !== 1 && dim !== size)) {
      throw new ShapeError('shapes do not broadcast', {
        where,
        expected: 'equal sizes, or 1',
        got: shapes.map(formatShape).join(' and '),
      });
    }
    return size;
  });
}

export function expectRank(where: string, { shape }: TensorType, ranks: readonly number[]): void {
  if (!ranks.includes(shape.length))
    throw new ShapeError('wrong rank', { where, expected: `rank ${ranks.join(' or ')}`, got: formatShape(shape) });
}

export function expectShape(where: string, { shape }: TensorType, expected: Shape): void {
  if (!sameShape(shape, expected))
    throw new ShapeError('wrong shape', { where, expected: formatShape(expected), got: formatShape(shape) });
}

export function expectDim(where: string, got: Dim, expected: Dim): void {
  if (got !== expected) throw new ShapeError('sizes differ', { where, expected: String(expected), got: String(got) });
}

export function expectFloat(where: string, ...operands: readonly TensorType[]): void {
  for (const { dtype } of operands) expectDType(where, dtype, ['f32']);
}

export function expectIndex(where: string, { dtype }: TensorType): void {
  expectDType(where, dtype, ['i64', 'i32']);
}

export function expectSameDType(where: string, operands: readonly TensorType[], allowed: readonly DType[]): void {
  for (const { dtype } of operands) {
    expectDType(where, dtype, allowed);
    expectDType(where, dtype, [at(operands, 0).dtype]);
  }
}

/** A non-negative axis from a possibly negative one. */
export function normalAxis(where: string, axis: number, rank: number): number {
  const normal = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || normal < 0 || normal >= rank) {
    throw new ShapeError('no such axis', {
      where,
      expected: `an axis of a rank-${String(rank)} tensor`,
      got: String(axis),
    });
  }
  return normal;
}

export function lastDim(where: string, { shape }: TensorType): Dim {
  const dim = shape.at(-1);
  if (dim === undefined)
    throw new ShapeError('wrong rank', { where, expected: 'rank 1 or more', got: formatShape(shape) });
  return dim;
}

/** The inputs from which the symbols of `dims` are read at run time: extra inputs of the node that needs these sizes.
 */
export function sizeSources(trace: Trace, dims: readonly Dim[]): readonly Value[] {
  const symbols = [...new Set(dims.flatMap(symbolsOf))].sort();
  return [...new Set(symbols.map((symbol) => trace.sizeSource(symbol)))];
}

/** The node that computes the value, when it is an application of the named op. */
export function producer(value: Value, op: string): Node | null {
  return value.origin.kind === 'result' && value.origin.node.op.name === op ? value.origin.node : null;
}
