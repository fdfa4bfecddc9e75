/** Look-up tables: token and position embeddings. Their gradient is sparse: one row per token (see gatherRows). */
import { multiplyDims } from '../tensor/dimension.js';
import { gatherRows, reshape } from '../tensor/ops/all.js';
import type { Value } from '../tensor/value.js';

/** Rows of a table as token rows.
 *  @param table_VC f32 [V, C]
 *  @param ids      i64 of any shape
 *  @returns f32 [product of the shape, C] */
export function embed(table_VC: Value, ids: Value): Value {
  return gatherRows(table_VC, reshape(ids, [multiplyDims(...ids.shape)]));
}
