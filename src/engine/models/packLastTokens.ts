/** Whole texts as right-padded rows, with the position of the last real token of each: where a text is pooled. */
import { invariant } from '../../base/invariant.js';
import { i64Tensor, type HostTensor } from '../runtime/hostTensor.js';

export interface PackedTexts {
  readonly ids_BT: HostTensor;
  /** 0, 1, 2, … along every row, padding included, as causal attention asks. */
  readonly positions_BT: HostTensor;
  /** Flat index into [B·T] of the last token of each text. */
  readonly rows_N: HostTensor;
}

/** @param texts token ids, none empty */
export function packLastTokens(texts: readonly (readonly number[])[]): PackedTexts {
  invariant(texts.length > 0 && texts.every((ids) => ids.length > 0), 'a batch has texts, and every text a token');
  const tokens = Math.max(...texts.map((ids) => ids.length));
  const ids = new BigInt64Array(texts.length * tokens);
  texts.forEach((text, row) => text.forEach((id, t) => (ids[row * tokens + t] = BigInt(id))));
  const dims = [texts.length, tokens];
  return {
    ids_BT: i64Tensor(dims, ids),
    positions_BT: i64Tensor(dims, BigInt64Array.from({ length: ids.length }, (_, i) => BigInt(i % tokens))),
    rows_N: i64Tensor([texts.length], texts.map((text, row) => row * tokens + text.length - 1)),
  };
}
