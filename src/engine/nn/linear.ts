/** Affine maps of token rows, with the weight laid out as its checkpoint keeps it. */
import { add, matmul } from '../tensor/ops/all.js';
import type { Value } from '../tensor/value.js';

/** `outIn`: [out, in], torch's Linear. `inOut`: [in, out], GPT-2's Conv1D. */
export type WeightLayout = 'outIn' | 'inOut';

/** x W + b for every row.
 *  @param x_NI    token rows, [N, in]
 *  @param weight  [out, in] or [in, out], see `layout`
 *  @param bias_O  [out], or null
 *  @returns [N, out] */
export function linear(x_NI: Value, weight: Value, bias_O: Value | null, layout: WeightLayout): Value {
  const product_NO = matmul(x_NI, weight, { transposeB: layout === 'outIn' });
  return bias_O === null ? product_NO : add(product_NO, bias_O);
}
