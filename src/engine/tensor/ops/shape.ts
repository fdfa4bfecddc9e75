/** Ops that move or sum elements without changing them: reshape, transpose, expand, reduceSum. They live together
 *  because they are each other's gradients. Reshapes of reshapes and transposes of transposes are merged when they are
 *  built. */
import { ShapeError } from '../../../base/errors.js';
import { canonicalShape, formatShape, multiplyDims, sameShape, type Dim, type Shape } from '../dimension.js';
import { at, broadcastShapes, normalAxis, producer, sizeSources } from '../shapeRules.js';
import { emitOne } from '../trace.js';
import type { OpDefinition, Value } from '../value.js';

type ReshapeAttributes = { readonly dims: Shape };

export const reshapeOp: OpDefinition<ReshapeAttributes> = {
  name: 'reshape',
  infer(inputs, { dims }) {
    const { dtype, shape } = at(inputs, 0);
    if (multiplyDims(...shape) !== multiplyDims(...dims)) {
      throw new ShapeError('element counts differ', {
        where: 'reshape',
        expected: `${formatShape(shape)} = ${String(multiplyDims(...shape))} elements`,
        got: formatShape(dims),
      });
    }
    return [{ dtype, shape: dims }];
  },
  lower(onnx, { inputs, attributes: { dims } }) {
    const [value, ...sources] = inputs;
    const plan = reshapePlan(at(inputs, 0).shape, dims);
    const target = plan === null ? onnx.sizes(dims, sources) : onnx.constant('i64', [dims.length], plan);
    return [onnx.node('Reshape', [onnx.name(value as Value), target])];
  },
  vjp: ({ inputs, gradient }) => [reshape(gradient, at(inputs, 0).shape)],
};

/** The same elements in row-major order under other sizes. Dimensions may be names and products of names known to the
 *  trace: `reshape(x_BTC, ['B*T', C])`.
 *  @throws ShapeError when the element counts differ or a size is unknown */
export function reshape(a: Value, dims: Shape): Value {
  const target = canonicalShape(dims);
  const base = producer(a, 'reshape')?.inputs[0] ?? a;
  if (sameShape(base.shape, target)) return base;
  if (sameShape(a.shape, target)) return a;
  const sources = reshapePlan(base.shape, target) === null ? sizeSources(a.trace, target) : [];
  return emitOne(reshapeOp, [base, ...sources], { dims: target });
}

/** ONNX's own notation (0 = copy the size at this axis, -1 = the rest) when it can express the reshape, else null. */
function reshapePlan(from: Shape, to: Shape): readonly number[] | null {
  const plan = to.map((dim, axis) => (typeof dim === 'number' ? dim : dim === from[axis] ? 0 : -1));
  return plan.filter((size) => size === -1).length <= 1 ? plan : null;
}

type TransposeAttributes = { readonly perm: readonly number[] };

export const transposeOp: OpDefinition<TransposeAttributes> = {
  name: 'transpose',
  infer(inputs, { perm }) {
    const { dtype, shape } = at(inputs, 0);
    if (perm.length !== shape.length || [...perm].sort((a, b) => a - b).some((axis, index) => axis !== index)) {
      throw new ShapeError('not a permutation of the axes', {
        where: 'transpose',
        expected: `each axis of ${formatShape(shape)} once`,
        got: formatShape(perm),
      });
    }
    return [{ dtype, shape: perm.map((axis) => at(shape, axis)) }];
  },
  lower: (onnx, { inputs, attributes: { perm } }) => [
    onnx.node('Transpose', [onnx.name(at(inputs, 0))], { attributes: { perm: { ints: perm } } }),
  ],
  vjp: ({ gradient, attributes: { perm } }) => [
    transpose(
      gradient,
      perm.map((_, axis) => perm.indexOf(axis)),
    ),
  ],
};

/** Axis i of the result is axis perm[i] of `a`. */
export function transpose(a: Value, perm: readonly number[]): Value {
  const before = producer(a, 'transpose');
  const inner = before?.attributes['perm'] as readonly number[] | undefined;
  const base = before?.inputs[0] ?? a;
  const merged = inner === undefined || inner.length !== perm.length ? perm : perm.map((axis) => inner[axis] ?? axis);
  const isIdentity = merged.length === base.shape.length && merged.every((axis, index) => axis === index);
  return isIdentity ? base : emitOne(transposeOp, [base], { perm: merged });
}

type ExpandAttributes = { readonly shape: Shape };

export const expandOp: OpDefinition<ExpandAttributes> = {
  name: 'expand',
  infer(inputs, { shape }) {
    const { dtype, shape: from } = at(inputs, 0);
    if (!sameShape(broadcastShapes('expand', from, shape), shape)) {
      throw new ShapeError('cannot be expanded', {
        where: 'expand',
        expected: `a shape that broadcasts to ${formatShape(shape)}`,
        got: formatShape(from),
      });
    }
    return [{ dtype, shape }];
  },
  lower(onnx, { inputs, attributes: { shape } }) {
    const [, ...sources] = inputs;
    return [onnx.node('Expand', [onnx.name(at(inputs, 0)), onnx.sizes(newDims(at(inputs, 0).shape, shape), sources)])];
  },
  vjp: ({ inputs, gradient }) => [sumTo(gradient, at(inputs, 0).shape)],
};

/** Repeats along axes of size 1 and new leading axes. Operands of arithmetic broadcast by themselves: this is for the
 *  rest. */
export function expand(a: Value, shape: Shape): Value {
  const target = canonicalShape(shape);
  return sameShape(a.shape, target)
    ? a
    : emitOne(expandOp, [a, ...sizeSources(a.trace, newDims(a.shape, target))], { shape: target });
}

/** The sizes that Expand must be told: 1 where the tensor has the size already. */
function newDims(from: Shape, to: Shape): readonly Dim[] {
  return to.map((dim, axis) => (from[axis - to.length + from.length] === dim ? 1 : dim));
}

export type ReduceAttributes = { readonly axes: readonly number[]; readonly keepDims: boolean };

export interface ReduceOptions {
  /** Keep reduced axes with size 1. Default false. */
  readonly keepDims?: boolean;
}

export function reducedShape(shape: Shape, { axes, keepDims }: ReduceAttributes): Shape {
  return shape.flatMap((dim, axis) => (axes.includes(axis) ? (keepDims ? [1] : []) : [dim]));
}

export const reduceSumOp: OpDefinition<ReduceAttributes> = {
  name: 'reduceSum',
  infer(inputs, attributes) {
    const { dtype, shape } = at(inputs, 0);
    return [{ dtype, shape: reducedShape(shape, attributes) }];
  },
  lower: (onnx, { inputs, attributes: { axes, keepDims } }) => [
    onnx.node('ReduceSum', [onnx.name(at(inputs, 0)), onnx.constant('i64', [axes.length], axes)], {
      attributes: { keepdims: { int: Number(keepDims) } },
    }),
  ],
  vjp: ({ inputs, gradient, attributes: { axes } }) => [spread(gradient, at(inputs, 0).shape, axes)],
};

/** Sum over the given axes (negative axes count from the end). */
export function reduceSum(a: Value, axes: readonly number[], { keepDims = false }: ReduceOptions = {}): Value {
  return emitReduction(reduceSumOp, a, axes, keepDims);
}

/** For the other reductions: normal axes, and nothing emitted when there is nothing to reduce. */
export function emitReduction(
  op: OpDefinition<ReduceAttributes>,
  a: Value,
  axes: readonly number[],
  keepDims: boolean,
): Value {
  const normal = [...new Set(axes.map((axis) => normalAxis(op.name, axis, a.shape.length)))].sort(
    (left, right) => left - right,
  );
  return normal.length === 0 ? a : emitOne(op, [a], { axes: normal, keepDims });
}

/** A reduction's gradient given back to every element it came from. */
export function spread(gradient: Value, shape: Shape, axes: readonly number[]): Value {
  return expand(reshape(gradient, reducedShape(shape, { axes, keepDims: true })), shape);
}

/** Sums a gradient over the axes along which its primal of the given shape was broadcast. */
export function sumTo(gradient: Value, shape: Shape): Value {
  const added = gradient.shape.length - shape.length;
  const axes = gradient.shape.flatMap((dim, axis) =>
    axis < added || (shape[axis - added] === 1 && dim !== 1) ? [axis] : [],
  );
  return reshape(reduceSum(gradient, axes, { keepDims: axes.some((axis) => axis >= added) }), shape);
}
