/** Layer normalisation and RMS normalisation over the last axis. The backward pass recomputes the standardised input
 *  with the fused kernel rather than keeping it. */
import { at, expectFloat, expectShape, lastDim } from '../shapeRules.js';
import { emitOne } from '../trace.js';
import { present } from '../../../base/invariant.js';
import type { Lowering, OpDefinition, Value } from '../value.js';
import { mul, sub } from './arithmetic.js';
import { reduceMean } from './reduce.js';
import { sumTo } from './shape.js';

type Centering = 'layer' | 'rms';
type StandardizeAttributes = { readonly centering: Centering; readonly epsilon: number };

export const standardizeOp: OpDefinition<StandardizeAttributes> = {
  name: 'standardize',
  infer(inputs) {
    const x = at(inputs, 0);
    expectFloat('standardize', x);
    lastDim('standardize', x);
    return [x, { dtype: 'f32', shape: [...x.shape.slice(0, -1), 1] }];
  },
  lower(onnx, { inputs, outputs, attributes: { centering, epsilon } }) {
    const x = at(inputs, 0);
    const width = lastDim('standardize', x);
    if (onnx.provider === 'cpu' && typeof width === 'number') {
      const ones = onnx.constant('f32', [width], new Array<number>(width).fill(1));
      return normalized(onnx, centering, [onnx.name(x), ones], epsilon, onnx.isUsed(at(outputs, 1)));
    }
    return standardizeByParts(onnx, centering, onnx.name(x), epsilon);
  },
  vjp({ outputs, gradient, attributes: { centering } }) {
    const [standardized, inverseScale] = [at(outputs, 0), at(outputs, 1)];
    const along = mul(standardized, reduceMean(mul(gradient, standardized), [-1], { keepDims: true }));
    const centered = centering === 'layer' ? sub(gradient, reduceMean(gradient, [-1], { keepDims: true })) : gradient;
    return [mul(sub(centered, along), inverseScale)];
  },
};

/** (x − mean) / √(variance + ε), or x / √(mean of squares + ε), and the divisor's inverse […, 1]. Gradients flow
 *  through the first only. */
export function standardize(
  x: Value,
  centering: Centering,
  epsilon: number,
): { readonly standardized: Value; readonly inverseScale: Value } {
  const [standardized, inverseScale] = x.trace.emit(standardizeOp, [x], { centering, epsilon });
  return { standardized: present(standardized, 'first output'), inverseScale: present(inverseScale, 'second output') };
}

type NormAttributes = { readonly epsilon: number };

export const layerNormOp: OpDefinition<NormAttributes> = {
  name: 'layerNorm',
  infer(inputs) {
    const [x, gain, bias] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
    expectFloat('layerNorm', x, gain, bias);
    expectShape('layerNorm: gain', gain, [lastDim('layerNorm', x)]);
    expectShape('layerNorm: bias', bias, [lastDim('layerNorm', x)]);
    return [x];
  },
  lower: (onnx, { inputs, attributes: { epsilon } }) => [
    onnx.node(
      'LayerNormalization',
      inputs.map((input) => onnx.name(input)),
      { attributes: { axis: { int: -1 }, epsilon: { float: epsilon } } },
    ),
  ],
  vjp({ inputs, gradient, attributes: { epsilon } }) {
    const [x, gain, bias] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
    return [...gainedGradient(x, gain, gradient, 'layer', epsilon), sumTo(gradient, bias.shape)];
  },
};

/** gain · (x − mean) / √(variance + ε) + bias; x […, C], gain and bias [C]. */
export const layerNorm = (x: Value, gain: Value, bias: Value, epsilon: number): Value =>
  emitOne(layerNormOp, [x, gain, bias], { epsilon });

export const rmsNormOp: OpDefinition<NormAttributes> = {
  name: 'rmsNorm',
  infer(inputs) {
    const [x, gain] = [at(inputs, 0), at(inputs, 1)];
    expectFloat('rmsNorm', x, gain);
    expectShape('rmsNorm: gain', gain, [lastDim('rmsNorm', x)]);
    return [x];
  },
  lower(onnx, { inputs, attributes: { epsilon } }) {
    const [x, gain] = [onnx.name(at(inputs, 0)), onnx.name(at(inputs, 1))];
    if (onnx.provider === 'cpu') return normalized(onnx, 'rms', [x, gain], epsilon, false).slice(0, 1);
    return [onnx.node('Mul', [at(standardizeByParts(onnx, 'rms', x, epsilon), 0), gain])];
  },
  vjp({ inputs, gradient, attributes: { epsilon } }) {
    return gainedGradient(at(inputs, 0), at(inputs, 1), gradient, 'rms', epsilon);
  },
};

/** gain · x / √(mean of squares + ε); x […, C], gain [C]. */
export const rmsNorm = (x: Value, gain: Value, epsilon: number): Value => emitOne(rmsNormOp, [x, gain], { epsilon });

/** Gradients in x and in the gain of gain · standardize(x). */
function gainedGradient(
  x: Value,
  gain: Value,
  gradient: Value,
  centering: Centering,
  epsilon: number,
): readonly [Value, Value] {
  const { standardized, inverseScale } = standardize(x, centering, epsilon);
  const alongGain = mul(gradient, standardized);
  const scaled = mul(gradient, gain);
  const along = mul(standardized, reduceMean(mul(alongGain, gain), [-1], { keepDims: true }));
  const centered = centering === 'layer' ? sub(scaled, reduceMean(scaled, [-1], { keepDims: true })) : scaled;
  return [mul(sub(centered, along), inverseScale), sumTo(alongGain, gain.shape)];
}

/** The fused kernels; the last output is the inverse scale. SimplifiedLayerNormalization is ONNX Runtime's own, in the
 *  default domain. */
function normalized(
  onnx: Lowering,
  centering: Centering,
  inputs: readonly string[],
  epsilon: number,
  isScaleUsed: boolean,
): readonly [string, string] {
  const attributes = { axis: { int: -1 }, epsilon: { float: epsilon } };
  const isLayer = centering === 'layer';
  const names = isLayer
    ? onnx.nodes('LayerNormalization', inputs, [true, false, isScaleUsed], { attributes })
    : onnx.nodes('SimplifiedLayerNormalization', inputs, [true, isScaleUsed], { attributes });
  return [at(names, 0), at(names, names.length - 1)];
}

function standardizeByParts(
  onnx: Lowering,
  centering: Centering,
  x: string,
  epsilon: number,
): readonly [string, string] {
  const mean = (name: string): string =>
    onnx.node('ReduceMean', [name, onnx.constant('i64', [1], [-1])], { attributes: { keepdims: { int: 1 } } });
  const centered = centering === 'layer' ? onnx.node('Sub', [x, mean(x)]) : x;
  const variance = mean(onnx.node('Mul', [centered, centered]));
  const deviation = onnx.node('Sqrt', [onnx.node('Add', [variance, onnx.constant('f32', [], [epsilon])])]);
  const inverse = onnx.node('Div', [onnx.constant('f32', [], [1]), deviation]);
  return [onnx.node('Mul', [centered, inverse]), inverse];
}
