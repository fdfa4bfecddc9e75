/** Means, maxima, softmax: reductions built on reduceSum. */
import { multiplyDims, symbolsOf, type Dim } from '../dimension.js';
import { at, expectFloat, lastDim, sizeSources } from '../shapeRules.js';
import { emitOne } from '../trace.js';
import type { Lowering, OpDefinition, Trace, Value } from '../value.js';
import { div, mul, sub } from './arithmetic.js';
import { cast, equal } from './compare.js';
import {
  emitReduction,
  reduceSum,
  reducedShape,
  reshape,
  spread,
  type ReduceAttributes,
  type ReduceOptions,
} from './shape.js';
import { exp } from './unary.js';

type DimensionSizeAttributes = { readonly dim: Dim };

export const dimensionSizeOp: OpDefinition<DimensionSizeAttributes> = {
  name: 'dimensionSize',
  infer: () => [{ dtype: 'i64', shape: [1] }],
  lower: (onnx, { inputs, attributes: { dim } }) => [onnx.sizes([dim], inputs)],
  vjp: { none: 'a size is an integer' },
};

/** A size as data: f32 scalar. Symbols must be known to the trace. */
export function dimensionSize(trace: Trace, dim: Dim): Value {
  const [first, ...rest] = sizeSources(trace, [dim]);
  if (first === undefined || symbolsOf(dim).length === 0) return trace.constant('f32', [], [Number(dim)]);
  return reshape(cast(emitOne(dimensionSizeOp, [first, ...rest], { dim }), 'f32'), []);
}

export const reduceMeanOp: OpDefinition<ReduceAttributes> = {
  name: 'reduceMean',
  infer(inputs, attributes) {
    expectFloat('reduceMean', at(inputs, 0));
    return [{ dtype: 'f32', shape: reducedShape(at(inputs, 0).shape, attributes) }];
  },
  lower: (onnx, { inputs, attributes: { axes, keepDims } }) => [
    onnx.node('ReduceMean', [onnx.name(at(inputs, 0)), onnx.constant('i64', [axes.length], axes)], {
      attributes: { keepdims: { int: Number(keepDims) } },
    }),
  ],
  vjp({ inputs, gradient, attributes: { axes } }) {
    const { shape, trace } = at(inputs, 0);
    const count = dimensionSize(trace, multiplyDims(...axes.map((axis) => at(shape, axis))));
    return [spread(div(gradient, count), shape, axes)];
  },
};

/** Mean over the given axes. */
export function reduceMean(a: Value, axes: readonly number[], { keepDims = false }: ReduceOptions = {}): Value {
  return emitReduction(reduceMeanOp, a, axes, keepDims);
}

export const reduceMaxOp: OpDefinition<ReduceAttributes> = {
  name: 'reduceMax',
  infer(inputs, attributes) {
    expectFloat('reduceMax', at(inputs, 0));
    return [{ dtype: 'f32', shape: reducedShape(at(inputs, 0).shape, attributes) }];
  },
  lower: (onnx, { inputs, attributes: { axes, keepDims } }) => [
    onnx.node('ReduceMax', [onnx.name(at(inputs, 0)), onnx.constant('i64', [axes.length], axes)], {
      attributes: { keepdims: { int: Number(keepDims) } },
    }),
  ],
  vjp({ inputs, outputs, gradient, attributes: { axes } }) {
    const x = at(inputs, 0);
    const kept = reducedShape(x.shape, { axes, keepDims: true });
    const isMaximum = cast(equal(x, reshape(at(outputs, 0), kept)), 'f32');
    const share = div(reshape(gradient, kept), reduceSum(isMaximum, axes, { keepDims: true }));
    return [mul(isMaximum, share)];
  },
};

/** Maximum over the given axes. Tied elements share the gradient equally, as in PyTorch's amax. */
export function reduceMax(a: Value, axes: readonly number[], { keepDims = false }: ReduceOptions = {}): Value {
  return emitReduction(reduceMaxOp, a, axes, keepDims);
}

export const softmaxOp: OpDefinition = {
  name: 'softmax',
  infer(inputs) {
    expectFloat('softmax', at(inputs, 0));
    lastDim('softmax', at(inputs, 0));
    return [at(inputs, 0)];
  },
  lower: (onnx, { inputs }) => [
    onnx.node('Softmax', [onnx.name(at(inputs, 0))], { attributes: { axis: { int: -1 } } }),
  ],
  vjp({ outputs, gradient }) {
    const weighted = mul(gradient, at(outputs, 0));
    return [sub(weighted, mul(at(outputs, 0), reduceSum(weighted, [-1], { keepDims: true })))];
  },
};

/** Softmax over the last axis. */
export const softmax = (a: Value): Value => emitOne(softmaxOp, [a]);

/** log Σ exp of the last axis from x and its softmax: largest element − log(largest probability), which is at least
 *  1/K, so nothing underflows. Softmax is ONNX Runtime's fastest exponential; its ReduceLogSumExp is scalar code. */
export function lowerLogSumExp(onnx: Lowering, x: string, softmaxOfX: string): string {
  const axis = onnx.constant('i64', [1], [-1]);
  const largest = (name: string): string =>
    onnx.node('ReduceMax', [name, axis], { attributes: { keepdims: { int: 0 } } });
  return onnx.node('Sub', [largest(x), onnx.node('Log', [largest(softmaxOfX)])]);
}

export const logSumExpOp: OpDefinition = {
  name: 'logSumExp',
  infer(inputs) {
    expectFloat('logSumExp', at(inputs, 0));
    lastDim('logSumExp', at(inputs, 0));
    return [{ dtype: 'f32', shape: at(inputs, 0).shape.slice(0, -1) }];
  },
  lower(onnx, { inputs }) {
    const x = onnx.name(at(inputs, 0));
    return [lowerLogSumExp(onnx, x, onnx.node('Softmax', [x], { attributes: { axis: { int: -1 } } }))];
  },
  vjp({ inputs, outputs, gradient }) {
    const x = at(inputs, 0);
    const column = [...x.shape.slice(0, -1), 1];
    const probabilities = exp(sub(x, reshape(at(outputs, 0), column)));
    return [mul(probabilities, reshape(gradient, column))];
  },
};

/** log Σ exp over the last axis, which is dropped. Stable for large elements. */
export const logSumExp = (a: Value): Value => emitOne(logSumExpOp, [a]);
