/** Look-up tables: token and position embeddings. Their gradient is sparse: one row per token (see gatherRows). */
import { multiplyDims } from '../tensor/dimension.js';
import { gatherRows, less, maximum, minimum, reshape, sub, where } from '../tensor/ops/all.js';
import { at } from '../tensor/shapeRules.js';
import type { Value } from '../tensor/value.js';

/** Rows of a table as token rows.
 *  @param table_VC f32 [V, C]
 *  @param ids      i64 of any shape
 *  @returns f32 [product of the shape, C] */
export function embed(table_VC: Value, ids: Value): Value {
  return gatherRows(table_VC, reshape(ids, [multiplyDims(...ids.shape)]));
}

/** Token rows of a model's table, where a call may bring rows of its own: of V tokens, the id V + i is row i of `soft`.
 *  These soft tokens are in the table's space, before any factor or projection that follows. The gradient reaches both;
 *  that of `soft` is sparse where it is an input, one row per position.
 *  @param table_VC f32 [V, C]
 *  @param ids      i64 of any shape
 *  @param soft_SC  f32 [S, C], S ≥ 1; absent where every id is a token
 *  @returns f32 [product of the shape, C] */
export function embedTokens(table_VC: Value, ids: Value, soft_SC?: Value): Value {
  if (soft_SC === undefined) return embed(table_VC, ids);
  const vocabularySize = Number(at(table_VC.shape, 0));
  const token_NC = embed(table_VC, minimum(ids, vocabularySize - 1));
  const soft_NC = embed(soft_SC, maximum(sub(ids, vocabularySize), 0));
  const isToken = less(reshape(ids, [at(token_NC.shape, 0), 1]), vocabularySize);
  return where(isToken, token_NC, soft_NC);
}
