/** Work that is done in the order in which it was asked for, and whose results are fetched later: every call of the
 *  protocol that touches the model answers with a number, by which `retrieve_future` is asked until the result is there.
 *
 *  A request that is sent again (a client that did not hear the answer) is the same request: it is not done twice. */
import { createHash } from 'node:crypto';
import { ConfigError } from '../../base/errors.js';
import { ApiError } from '../apiError.js';

export interface Futures {
  /** Puts work at the end of the queue. Returns the number of its result.
   *  @param identity what makes two requests the same one; null where each is one of its own
   *  @throws ApiError 429 when too much waits, 503 when the server is closing */
  readonly add: (identity: string | null, work: () => Promise<FutureAnswer>) => string;
  /** Waits for a result, for a while. Returns null when it is not there yet.
   *  @throws ApiError 410 for a number that is not known (any more) */
  readonly wait: (id: string) => Promise<FutureAnswer | null>;
  readonly waiting: () => number;
  /** Takes no more work, and waits for what is being done. */
  readonly close: () => Promise<void>;
}

export type FutureAnswer = Readonly<Record<string, unknown>>;

export interface FutureOptions {
  readonly maxWaiting: number;
  /** How long a question for a result is kept waiting. */
  readonly waitMs: number;
}

/** Results that are kept; older ones are forgotten. */
const mostKept = 2000;

export function openFutures({ maxWaiting, waitMs }: FutureOptions): Futures {
  const results = new Map<string, Promise<FutureAnswer>>();
  const settled = new Set<string>();
  const known = new Map<string, string>();
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let next = 0;
  let isOpen = true;
  const forgetOldest = (): void => {
    for (const id of settled) {
      if (settled.size <= mostKept) return;
      settled.delete(id);
      results.delete(id);
    }
  };
  return {
    waiting: () => waiting,
    add: (identity, work) => {
      if (!isOpen) throw closing();
      const key = identity === null ? null : createHash('sha256').update(identity).digest('base64');
      const before = key === null ? undefined : known.get(key);
      if (before !== undefined && results.has(before)) return before;
      if (waiting >= maxWaiting)
        throw new ApiError(429, `${String(waiting)} requests wait already; try again later`, {
          type: 'rate_limit_error',
          code: 'queue_full',
        });
      const id = String(next++);
      waiting++;
      const result = last.then(async () => {
        try {
          return isOpen ? await work() : failed(closing());
        } catch (error) {
          return failed(error);
        } finally {
          waiting--;
          settled.add(id);
          forgetOldest();
        }
      });
      last = result;
      results.set(id, result);
      if (key !== null) known.set(key, id);
      for (const [old, done] of known) {
        if (known.size <= mostKept) break;
        if (!results.has(done) || settled.has(done)) known.delete(old);
        else break;
      }
      return id;
    },
    wait: async (id) => {
      const result = results.get(id);
      if (result === undefined)
        throw new ApiError(410, `there is no request ${id}, or its result was forgotten`, { code: 'unknown_request' });
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise<null>((resolve) => {
        timer = setTimeout(() => resolve(null), waitMs);
      });
      try {
        return await Promise.race([result, patience]);
      } finally {
        clearTimeout(timer);
      }
    },
    close: async () => {
      isOpen = false;
      await last;
    },
  };
}

/** A failure as the protocol answers it: with status 200, as the result. */
function failed(error: unknown): FutureAnswer {
  const isUsers = error instanceof ConfigError || (error instanceof ApiError && error.status < 500);
  return { error: error instanceof Error ? error.message : String(error), category: isUsers ? 'user' : 'server' };
}

function closing(): ApiError {
  return new ApiError(503, 'the server is closing', { type: 'server_error', code: 'closing' });
}
