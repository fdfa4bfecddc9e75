/** Rotary position embedding in the half-rotation layout of Hugging Face: element i is paired with element i + R/2,
 *  where the first R of a head's D elements turn (R = D for most models) and the others stay. */
import { multiplyDims, type Dim } from '../dimension.js';
import { at, expectFloat, expectRank, expectShape } from '../shapeRules.js';
import { emitOne } from '../trace.js';
import type { OpDefinition, TensorType, Value } from '../value.js';
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
    const width: Dim = isPartial(x, cos, heads) ? headSizeOf(x, heads) : multiplyDims(2, half);
    expectShape(
      'rotary',
      x,
      heads === 0 ? [batch, at(x.shape, 1), tokens, width] : [batch, tokens, multiplyDims(heads, width)],
    );
    return [x];
  },
  lower(onnx, { inputs, attributes: { heads } }) {
    const [x, cos] = [at(inputs, 0), at(inputs, 1)];
    const attributes = {
      ...(heads === 0 ? {} : { num_heads: { int: heads } }),
      ...(isPartial(x, cos, heads) ? { rotary_embedding_dim: { int: 2 * Number(at(cos.shape, 2)) } } : {}),
    };
    return [
      onnx.node(
        'RotaryEmbedding',
        inputs.map((input) => onnx.name(input)),
        { attributes },
      ),
    ];
  },
  vjp({ inputs, gradient, attributes: { heads } }) {
    return [emitOne(rotaryOp, [gradient, at(inputs, 1), neg(at(inputs, 2))], { heads })];
  },
};

/** Elements of a head. */
function headSizeOf(x: TensorType, heads: number): number {
  return heads === 0 ? Number(at(x.shape, 3)) : Number(at(x.shape, 2)) / heads;
}

/** Fewer elements turn than a head has; both sizes must be numbers for that. */
function isPartial(x: TensorType, cos: TensorType, heads: number): boolean {
  return 2 * Number(at(cos.shape, 2)) < headSizeOf(x, heads);
}

/** Rotates each pair (x_i, x_{i+d}) by its angle; elements from 2d on stay.
 *  @param x     [B, H, T, D], or [B, T, H·D] when `heads` is given
 *  @param cos_BTd cosines of the angles, d ≤ D/2; no gradient reaches cos and sin */
export function rotary(
  x: Value,
  cos_BTd: Value,
  sin_BTd: Value,
  { heads = 0 }: { readonly heads?: number } = {},
): Value {
  return emitOne(rotaryOp, [x, cos_BTd, sin_BTd], { heads });
}
