/** Rotary position embedding in the half-rotation layout of Hugging Face: element i is paired with element i + D/2. */
import { multiplyDims, type Dim } from '../dimension.js';
import { at, expectFloat, expectRank, expectShape } from '../shapeRules.js';
import { emitOne } from '../trace.js';
import type { OpDefinition, Value } from '../value.js';
import { neg } from './arithmetic.js';

type RotaryAttributes = { readonly heads: number };

export const rotaryOp: OpDefinition<RotaryAttributes> = {
  name: 'rotary',
  infer(inputs, { heads }) {
    const [x, cos, sin] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
    expectFloat('rotary', x, cos, sin);
    expectRank('rotary', x, heads === 0 ? [4] : [3]);
    expectRank('rotary: cos', cos, [3]);
    const half = at(cos.shape, 2);
    expectShape('rotary: sin', sin, cos.shape);
    const [batch, tokens] = [at(cos.shape, 0), at(cos.shape, 1)];
    const width: Dim = multiplyDims(2, half);
    expectShape('rotary', x, heads === 0 ? [batch, at(x.shape, 1), tokens, width] : [batch, tokens, multiplyDims(heads, width)]);
    return [x];
  },
  lower(onnx, { inputs, attributes: { heads } }) {
    const attributes = heads === 0 ? {} : { num_heads: { int: heads } };
    return [onnx.node('RotaryEmbedding', inputs.map((input) => onnx.name(input)), { attributes })];
  },
  vjp({ inputs, gradient, attributes: { heads } }) {
    return [emitOne(rotaryOp, [gradient, at(inputs, 1), neg(at(inputs, 2))], { heads })];
  },
};

/** Rotates each pair (x_i, x_{i+D/2}) by its angle.
 *  @param x     [B, H, T, D], or [B, T, H·D] when `heads` is given
 *  @param cos_BTd cosines of the angles, d = D/2; no gradient reaches cos and sin */
export function rotary(x: Value, cos_BTd: Value, sin_BTd: Value, { heads = 0 }: { readonly heads?: number } = {}): Value {
  return emitOne(rotaryOp, [x, cos_BTd, sin_BTd], { heads });
}
