/** Rows of all requests, generated together: those that wait join the batch as soon as there is room, in the order in
 *  which they came. Drives a live batch of the engine, one step after another while there is anything to do. */
import type { GadflyError } from '../base/errors.js';
import { cacheShapeOf } from '../engine/models/inferenceGraph.js';
import type { LanguageModel } from '../engine/models/languageModel.js';
import { reviveError, type LiveEvent, type LiveRow, type OpenLiveBatch } from '../engine/runtime/device.js';
import { ApiError } from './apiError.js';

export type QueuedRow = Omit<LiveRow, 'key'>;
export type RowEvent =
  | ({ readonly kind: 'step' } & Pick<LiveEvent, 'token' | 'scored' | 'finishReason'>)
  | { readonly kind: 'failed'; readonly error: GadflyError | ApiError };

export interface RowQueueOptions {
  /** Rows generated together, at most. */
  readonly maxRows: number;
  /** Bytes that keys and values of the rows may take. */
  readonly cacheBytes: number;
  /** Rows that may wait; more are refused. */
  readonly maxWaiting: number;
}

export interface RowQueue {
  /** @param onEvent told of every step of the row, the last with a finishReason or a failure
   *  @returns how to give the rows up, which does nothing to those that have ended
   *  @throws ApiError 429 when too many rows wait */
  readonly add: (
    rows: readonly { readonly row: QueuedRow; readonly onEvent: (event: RowEvent) => void }[],
  ) => () => void;
  readonly counts: () => { readonly running: number; readonly waiting: number };
  /** Gives up all rows, telling each, and closes the batch. */
  readonly close: () => Promise<void>;
}

interface Waiting {
  readonly row: LiveRow;
  readonly onEvent: (event: RowEvent) => void;
}

export async function openRowQueue(
  model: LanguageModel,
  { maxRows, cacheBytes, maxWaiting }: RowQueueOptions,
): Promise<RowQueue> {
  const shape = cacheShapeOf(model.architecture);
  const batch = await model.device.openLiveBatch(await model.inference({ vocabulary: true }), shape);
  const cachedTokens = Math.floor(cacheBytes / (8 * shape.layers * shape.kvHeads * shape.headSize));
  const waiting = new Map<number, Waiting>();
  const running = new Map<number, Waiting>();
  const dropped: number[] = [];
  let nextKey = 0;
  let isOpen = true;
  let pumping: Promise<void> | null = null;

  const emit = (key: number, event: RowEvent): void => {
    const entry = running.get(key);
    if (event.kind === 'failed' || event.finishReason !== null) running.delete(key);
    entry?.onEvent(event);
  };

  /** Rows × the longest that one may become stays within the cache; a row that exceeds it alone runs alone. */
  const admissible = (): readonly LiveRow[] => {
    const rows: LiveRow[] = [];
    let longest = Math.max(0, ...[...running.values()].map(({ row }) => lengthOf(row)));
    for (const [key, entry] of waiting) {
      const grown = Math.max(longest, lengthOf(entry.row));
      if (running.size > 0 && (running.size >= maxRows || (running.size + 1) * grown > cachedTokens)) break;
      longest = grown;
      waiting.delete(key);
      running.set(key, entry);
      rows.push(entry.row);
    }
    return rows;
  };

  const pump = async (): Promise<void> => {
    while (isOpen && waiting.size + running.size + dropped.length > 0) {
      const change = { admit: admissible(), drop: dropped.splice(0) };
      try {
        for (const { key, token, scored, finishReason, error } of await batch.step(change)) {
          emit(
            key,
            error === null
              ? { kind: 'step', token, scored, finishReason }
              : { kind: 'failed', error: reviveError(error) },
          );
        }
      } catch (error) {
        failAll([...running.keys()], error);
      }
    }
    pumping = null;
  };

  const failAll = (keys: readonly number[], cause: unknown): void => {
    const error =
      cause instanceof ApiError
        ? cause
        : new ApiError(500, cause instanceof Error ? cause.message : String(cause), { type: 'server_error', cause });
    for (const key of keys) emit(key, { kind: 'failed', error });
  };

  return {
    add(rows) {
      if (!isOpen) throw closing();
      if (waiting.size + rows.length > maxWaiting) {
        throw new ApiError(429, `${waiting.size} sequences wait already; try again later`, {
          type: 'rate_limit_error',
          code: 'queue_full',
        });
      }
      const keys = rows.map(({ row, onEvent }) => {
        const key = nextKey++;
        waiting.set(key, { row: { ...row, key }, onEvent });
        return key;
      });
      pumping ??= pump();
      return () => {
        for (const key of keys) {
          waiting.delete(key);
          if (running.delete(key)) dropped.push(key);
        }
      };
    },
    counts: () => ({ running: running.size, waiting: waiting.size }),
    async close() {
      isOpen = false;
      for (const [key, entry] of waiting) running.set(key, entry);
      waiting.clear();
      failAll([...running.keys()], closing());
      await pumping;
      await closeBatch(batch);
    },
  };
}

function lengthOf({ ids, sampling }: LiveRow): number {
  return ids.length + sampling.maxNewTokens;
}

function closing(): ApiError {
  return new ApiError(503, 'the server is closing', { type: 'server_error', code: 'closing' });
}

/** A device that has ended has closed it already. */
async function closeBatch(batch: OpenLiveBatch): Promise<void> {
  await batch.close().catch(() => undefined);
}
