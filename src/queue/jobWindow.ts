/** The jobs that lie in Redis at the moment: put in ahead of their turn, taken out in it. */
import { createHash } from 'node:crypto';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { present } from '../base/invariant.js';
import { exactJsonText } from '../base/json.js';
import { resultsKey } from './notices.js';
import { pack } from './packed.js';

/** How a job ended. */
export type JobEnd = { readonly kind: 'done' } | { readonly kind: 'failed'; readonly reason: string };

export interface Outstanding {
  readonly id: string;
  /** It is null while the job is not known to have ended. */
  readonly end: JobEnd | null;
}

export interface JobWindow {
  /** Puts in what comes next, as far as there is room. */
  readonly fill: (source: Iterator<unknown>) => Promise<void>;
  /** The job whose turn it is; null when all is done. */
  readonly first: () => Outstanding | null;
  readonly mark: (id: string, end: JobEnd) => void;
  /** Looks in Redis at what is outstanding: an event may be missed, a job may be lost. */
  readonly sweep: () => Promise<void>;
  /** The result of a job as it lies there; null where another has taken it, and the job is put in again. */
  readonly result: (id: string) => Promise<string | null>;
  /** The first job is taken: its result is removed, unless the same job stands further back. */
  readonly drop: () => Promise<void>;
}

interface Entry {
  readonly id: string;
  readonly packed: string;
  end: JobEnd | null;
  /** How often it stands in the window. */
  times: number;
}

export interface WindowOptions {
  readonly redis: Redis;
  readonly queue: Queue;
  readonly run: string;
  readonly size: number;
  readonly attempts: number;
}

export function openWindow({ redis, queue, run, size, attempts }: WindowOptions): JobWindow {
  const key = resultsKey(run);
  const entries = new Map<string, Entry>();
  const order: Entry[] = [];
  let isExhausted = false;

  const add = async (each: readonly Entry[]): Promise<void> => {
    if (each.length === 0) return;
    const opts = { attempts, removeOnComplete: true, removeOnFail: false };
    await queue.addBulk(
      each.map(({ id, packed }) => ({ name: 'job', data: { packed }, opts: { ...opts, jobId: id } })),
    );
  };
  /** Returns those whose result is not there. */
  const markKnown = async (each: readonly Entry[]): Promise<readonly Entry[]> => {
    if (each.length === 0) return [];
    const lengths = await redis.hmget(key, ...each.map(({ id }) => id));
    each.forEach((entry, i) => {
      if (lengths[i] != null) entry.end = { kind: 'done' };
    });
    return each.filter(({ end }) => end === null);
  };
  const enter = async (payload: unknown): Promise<Entry | null> => {
    const id = createHash('sha256').update(exactJsonText(payload)).digest('hex').slice(0, 40);
    const known = entries.get(id);
    const entry = known ?? { id, packed: await pack(payload), end: null, times: 0 };
    entry.times++;
    entries.set(id, entry);
    order.push(entry);
    return known === undefined ? entry : null;
  };

  return {
    fill: async (source) => {
      // In bulk: half a window at a time.
      if (isExhausted || order.length > size / 2) return;
      const fresh: Entry[] = [];
      while (order.length < size) {
        const next = source.next();
        if (next.done === true) {
          isExhausted = true;
          break;
        }
        const entry = await enter(next.value);
        if (entry !== null) fresh.push(entry);
      }
      // A session before this one may have left results.
      await add(await markKnown(fresh));
    },
    first: () => order[0] ?? null,
    mark: (id, end) => {
      const entry = entries.get(id);
      if (entry !== undefined) entry.end ??= end;
    },
    sweep: async () => {
      const waiting = [...entries.values()].filter(({ end }) => end === null);
      for (const entry of await markKnown(waiting)) {
        const job = await queue.getJob(entry.id);
        if (job === undefined) await add([entry]);
        else if (await job.isFailed()) entry.end = { kind: 'failed', reason: job.failedReason };
      }
    },
    result: async (id) => {
      const packed = await redis.hget(key, id);
      if (packed !== null) return packed;
      const entry = present(entries.get(id), 'a job of the window');
      entry.end = null;
      await add([entry]);
      return null;
    },
    drop: async () => {
      const entry = present(order.shift(), 'a job of the window');
      if (--entry.times > 0) return;
      entries.delete(entry.id);
      await redis.hdel(key, entry.id);
    },
  };
}
