/** Which rows are generated together: prompts that begin alike, similar lengths, within budgets of memory. Pure. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import type { DecodeRow } from './decodeRow.js';
import { comparePrompts, familiesOf } from './promptStrips.js';
import { checkSamplingOptions } from './samplingOptions.js';

export interface DecodeLimits {
  /** Rows of one batch, at most. */
  readonly rows: number;
  /** Rows × longest row with its new tokens: bounds the cache. */
  readonly cachedTokens: number;
}

/** The ids that a call knows: tokens below the vocabulary's size, then one per soft row. */
export interface KnownIds {
  readonly vocabularySize: number;
  readonly softRows: number;
}

/** @throws ConfigError naming the row that cannot be generated */
export function checkRows(rows: readonly DecodeRow[], { vocabularySize, softRows }: KnownIds): void {
  rows.forEach((row, index) => {
    const where = `row ${index}`;
    if (row.ids.length === 0)
      throw new ConfigError('a row has no token', {
        where,
        remedy: 'Begin with at least one token, for instance the begin-of-text token.',
      });
    const bad = row.ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabularySize + softRows);
    if (bad !== undefined)
      throw new ConfigError('an id is not in the vocabulary', {
        where,
        expected: `0 … ${vocabularySize - 1}${softRows === 0 ? '' : `, and ${softRows} soft rows behind`}`,
        got: String(bad),
      });
    if (
      row.scoreFrom !== null &&
      !(Number.isInteger(row.scoreFrom) && row.scoreFrom >= 1 && row.scoreFrom <= row.ids.length)
    ) {
      throw new ConfigError('scoreFrom is out of range', {
        where,
        expected: `1 … ${row.ids.length}: the first token has no predecessor`,
        got: String(row.scoreFrom),
      });
    }
    const scoredSoft = row.ids.findIndex((id, t) => id >= vocabularySize && t >= (row.scoreFrom ?? Infinity));
    if (scoredSoft !== -1)
      throw new ConfigError('a soft token has no probability', {
        where: `${where}, token ${scoredSoft}`,
        expected: `tokens to score below ${vocabularySize}`,
        got: String(row.ids[scoredSoft]),
        remedy: 'Score what comes behind the last soft token.',
      });
    const given = row.given ?? [];
    const unknown = given.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabularySize);
    if (unknown !== undefined || (row.given !== undefined && given.length !== row.sampling.maxNewTokens)) {
      throw new ConfigError('given tokens are not what a row can say', {
        where,
        expected: `${row.sampling.maxNewTokens} ids of 0 … ${vocabularySize - 1}`,
        got: unknown === undefined ? `${given.length} ids` : String(unknown),
      });
    }
    checkSamplingOptions(row.sampling);
  });
}

/** Tokens that a row's cache must hold: the last new token is never fed, and a row that is only read needs none. */
export function capacityOf({ ids, sampling }: DecodeRow): number {
  return sampling.maxNewTokens === 0 ? 0 : ids.length + sampling.maxNewTokens - 1;
}

export function scoredCount({ ids, scoreFrom }: DecodeRow): number {
  return scoreFrom === null ? 0 : ids.length - scoreFrom;
}

/** Batches of row indices: rows whose prompts begin alike stay together, in the order of `comparePrompts`, so that
 *  packing them shares what they share; families of long rows come first. A row that exceeds the limits alone is a
 *  batch of its own. */
export function planBatches(rows: readonly DecodeRow[], limits: DecodeLimits): readonly (readonly number[])[] {
  const row = (index: number): DecodeRow => present(rows[index], 'orders hold row indices');
  const order = rows.map((_, index) => index).sort((a, b) => comparePrompts(row(a).ids, row(b).ids) || a - b);
  const families = familiesOf(order.map((index) => row(index).ids)).map((places) => {
    const members = places.map((place) => present(order[place], 'families hold places of the order'));
    return { members, capacity: Math.max(...members.map((index) => capacityOf(row(index)))) };
  });
  families.sort((a, b) => b.capacity - a.capacity);
  const batches: number[][] = [];
  let capacity = 0;
  for (const index of families.flatMap(({ members }) => members)) {
    const batch = batches.at(-1);
    const grown = Math.max(capacity, capacityOf(row(index)));
    const fits = batch !== undefined && batch.length < limits.rows && (batch.length + 1) * grown <= limits.cachedTokens;
    if (fits) batch.push(index);
    else batches.push([index]);
    capacity = fits ? grown : capacityOf(row(index));
  }
  return batches;
}
