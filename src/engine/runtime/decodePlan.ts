/** Which rows are generated together: similar lengths in one batch, within budgets of memory. Pure. */
import { ConfigError } from '../../base/errors.js';
import type { DecodeRow } from './decodeRow.js';
import { checkSamplingOptions } from './samplingOptions.js';

export interface DecodeLimits {
  /** Rows of one batch, at most. */
  readonly rows: number;
  /** Rows × longest row with its new tokens: bounds the cache. */
  readonly cachedTokens: number;
  /** Rows × longest prompt: bounds activations. */
  readonly promptTokens: number;
  /** Scored tokens: bounds logits of all positions. */
  readonly scoredTokens: number;
}

/** @throws ConfigError naming the row that cannot be generated */
export function checkRows(rows: readonly DecodeRow[], vocabularySize: number): void {
  rows.forEach((row, index) => {
    const where = `row ${index}`;
    if (row.ids.length === 0) throw new ConfigError('a row has no token', { where, remedy: 'Begin with at least one token, for instance the begin-of-text token.' });
    const bad = row.ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabularySize);
    if (bad !== undefined) throw new ConfigError('an id is not in the vocabulary', { where, expected: `0 … ${vocabularySize - 1}`, got: String(bad) });
    if (row.scoreFrom !== null && !(Number.isInteger(row.scoreFrom) && row.scoreFrom >= 1 && row.scoreFrom <= row.ids.length)) {
      throw new ConfigError('scoreFrom is out of range', { where, expected: `1 … ${row.ids.length}: the first token has no predecessor`, got: String(row.scoreFrom) });
    }
    checkSamplingOptions(row.sampling);
  });
}

/** Tokens that a row's cache must hold: the last new token is never fed. */
export function capacityOf({ ids, sampling }: DecodeRow): number {
  return ids.length + Math.max(0, sampling.maxNewTokens - 1);
}

export function scoredCount({ ids, scoreFrom }: DecodeRow): number {
  return scoreFrom === null ? 0 : ids.length - scoreFrom;
}

/** Batches of row indices. A row that exceeds the limits alone is a batch of its own. */
export function planBatches(rows: readonly DecodeRow[], limits: DecodeLimits): readonly (readonly number[])[] {
  const order = rows.map((_, index) => index).sort((a, b) => {
    const [left, right] = [rows[a], rows[b]];
    if (left === undefined || right === undefined) return 0;
    return right.ids.length - left.ids.length || capacityOf(right) - capacityOf(left) || a - b;
  });
  const batches: number[][] = [];
  let prompt = 0;
  let capacity = 0;
  let scored = 0;
  for (const index of order) {
    const row = rows[index];
    if (row === undefined) continue;
    const batch = batches.at(-1);
    const size = (batch?.length ?? 0) + 1;
    const fits = batch !== undefined && size <= limits.rows
      && size * Math.max(prompt, row.ids.length) <= limits.promptTokens
      && size * Math.max(capacity, capacityOf(row)) <= limits.cachedTokens
      && scored + scoredCount(row) <= limits.scoredTokens;
    if (fits) batch.push(index);
    else batches.push([index]);
    prompt = fits ? Math.max(prompt, row.ids.length) : row.ids.length;
    capacity = fits ? Math.max(capacity, capacityOf(row)) : capacityOf(row);
    scored = (fits ? scored : 0) + scoredCount(row);
  }
  return batches;
}

/** Rows with the same prompt share its pass. @returns `unique`: the first row of each prompt; `sourceOf`: for each row, its place in `unique`.
 *  Rows are reordered in `order` so that `sourceOf` does not decrease. */
export function sharePrompts(rows: readonly DecodeRow[]): { readonly order: readonly number[]; readonly sourceOf: readonly number[] } {
  const groups = new Map<string, number[]>();
  rows.forEach(({ ids }, index) => {
    const key = ids.join();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [index]);
    else group.push(index);
  });
  const grouped = [...groups.values()];
  return { order: grouped.flat(), sourceOf: grouped.flatMap((group, source) => group.map(() => source)) };
}
