/** The most probable tokens of one row of logits. */

/** Tokens by falling probability; equal ones by ascending id. */
export interface TokenAlternatives {
  readonly ids: readonly number[];
  /** Under the model itself, nats. */
  readonly logProbs: readonly number[];
}

/** @param logTotal log Σ exp of the logits
 *  @param count how many, at most the vocabulary */
export function topTokens(logits_V: Float32Array, logTotal: number, count: number): TokenAlternatives {
  const ids: number[] = [];
  const values: number[] = [];
  let least = -Infinity;
  for (let id = 0; id < logits_V.length; id++) {
    const value = logits_V[id] as number; // in range
    if (ids.length === count && value <= least) continue;
    let place = ids.length === count ? count - 1 : ids.length;
    while (place > 0 && (values[place - 1] as number) < value) place--; // in range: place > 0
    ids.splice(place, 0, id);
    values.splice(place, 0, value);
    if (ids.length > count) {
      ids.pop();
      values.pop();
    }
    least = values[values.length - 1] ?? -Infinity;
  }
  return { ids, logProbs: values.map((value) => value - logTotal) };
}
