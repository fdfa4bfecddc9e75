/** A decode call leaves this for the next: keys and values of what its rows read and generated, tokens that rows share
 *  only once. A row of the next call that begins with some of it does not read that again. Valid while the program's
 *  weights stay as they are. */
import { present } from '../../base/invariant.js';
import type { CacheShape } from './decodeRow.js';
import { createKeyValueCache, type KeyValueCache } from './keyValueCache.js';
import { sharedLength, sliceSpans, type PackedPrompt, type Strip, type StripSpan } from './promptStrips.js';

/** A beginning that was read before: `length` tokens, at `spans` of row 0 of a cache. */
export interface KnownBeginning {
  readonly cache: KeyValueCache;
  readonly spans: readonly StripSpan[];
  readonly length: number;
}

interface KeptRow {
  readonly ids: readonly number[];
  readonly cache: KeyValueCache;
  readonly spans: readonly StripSpan[];
}

export type KeptContexts = readonly KeptRow[];

/** The longest known beginning of a prompt, of at most `most` tokens; null when there is none. */
export function knownBeginning(kept: KeptContexts, ids: readonly number[], most: number): KnownBeginning | null {
  let best: KnownBeginning | null = null;
  for (const row of kept) {
    const length = Math.min(most, sharedLength(row.ids, ids));
    if (length > (best?.length ?? 0)) best = { cache: row.cache, spans: sliceSpans(row.spans, 0, length), length };
  }
  return best;
}

/** Collects the rows of one batch. */
export interface ContextKeeper {
  /** A strip was read: row `row` of `reading` holds its tokens. */
  readonly keepStrip: (strip: number, reading: KeyValueCache, row: number) => void;
  /** A row has ended: row `row` of `rows` holds its prompt and all new tokens but the last, which was never read. */
  readonly keepRow: (
    prompt: PackedPrompt,
    ids: readonly number[],
    newIds: readonly number[],
    rows: KeyValueCache,
    row: number,
  ) => void;
  readonly kept: () => KeptContexts;
  /** Tokens that it has room for. */
  readonly capacity: number;
}

/** @param newTokens most that the batch's rows generate, together */
export function createContextKeeper(shape: CacheShape, strips: readonly Strip[], newTokens: number): ContextKeeper {
  const starts: number[] = [];
  let next = 0;
  for (const { ids } of strips) {
    starts.push(next);
    next += ids.length;
  }
  const capacity = next + newTokens;
  const cache = createKeyValueCache(shape, { name: 'kept', rows: 1, capacity }, new Map());
  const startOf = (strip: number): number => present(starts[strip], 'a place for every strip');
  const kept: KeptRow[] = [];
  return {
    keepStrip(strip, reading, row) {
      cache.copyTokens(
        reading,
        { row, token: 0 },
        { row: 0, token: startOf(strip) },
        present(strips[strip], 'a strip of the batch').ids.length,
      );
    },
    keepRow(prompt, ids, newIds, rows, row) {
      const spans = prompt.spans.map(({ at, length }) => ({ at: startOf(prompt.strip) + at, length }));
      const length = Math.max(0, newIds.length - 1);
      cache.copyTokens(rows, { row, token: ids.length }, { row: 0, token: next }, length);
      kept.push({ ids: [...ids, ...newIds.slice(0, length)], cache, spans: [...spans, { at: next, length }] });
      next += length;
    },
    kept: () => kept,
    capacity,
  };
}
