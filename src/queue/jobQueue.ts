/** The side of the queue that a run has: hands out jobs and takes their results in the order of the jobs, whichever worker
 *  did them and however often. A job's id is the hash of what it asks, so that a job that is put in twice is done once, and a run
 *  that was stopped finds what was done meanwhile.
 *
 *  A worker lays down the result before its job counts as done; from there it is read when its turn has come, and removed:
 *  neither Redis nor this process ever holds more than a window of jobs. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Queue, QueueEvents } from 'bullmq';
import { systemClock } from '../base/clock.js';
import { EnvironmentError } from '../base/errors.js';
import { keyPrefix, type QueueConnection } from './connection.js';
import {
  announceRun,
  keepAlive,
  readWorkers,
  resultsKey,
  type RunNotice,
  type WorkerNotice,
  withdrawRun,
} from './notices.js';
import { type JobWindow, openWindow, type Outstanding } from './jobWindow.js';
import { unpack } from './packed.js';

export interface PlayOptions {
  /** Called for every job, in order. @param value as the worker sent it: not to be trusted */
  readonly onResult: (value: unknown, index: number) => Promise<void>;
  /** Called for a job that was set aside, in its turn; default: throws. */
  readonly onFailed?: (reason: string, index: number) => Promise<void>;
  /** Throws to end the work. */
  readonly mayGoOn: () => void;
  readonly onProgress?: (progress: { readonly done: number; readonly workers: number }) => void;
}

export interface JobQueue {
  /** @throws EnvironmentError for a job that no worker could do, whatever the other callbacks throw */
  readonly play: (jobs: Iterable<unknown>, options: PlayOptions) => Promise<void>;
  /** @param isDone false keeps results that were not taken, for a run that goes on later */
  readonly close: (isDone: boolean) => Promise<void>;
}

export interface JobQueueOptions {
  readonly notice: RunNotice;
  /** Called with what becomes of workers, in sentences. */
  readonly note: (text: string) => void;
  /** Jobs that lie in Redis at once, at most; default 256. */
  readonly window?: number;
  /** A job is given up after it failed so often; default 3. */
  readonly attempts?: number;
}

const heartbeatMs = 1000;
/** Events may be missed: what is outstanding is looked at this often all the same. */
const sweepMs = 2000;
/** Limits are looked at this often while nothing comes. */
const pauseMs = 500;
/** Results of an interrupted run are kept for a week. */
const keptSeconds = 7 * 24 * 3600;

/** Announces the run. */
export async function openJobQueue(connection: QueueConnection, options: JobQueueOptions): Promise<JobQueue> {
  const { bullmq, redis } = connection;
  const { notice, note } = options;
  const { run } = notice;
  const common = { prefix: keyPrefix };
  const queue = new bullmq.Queue(run, { ...common, connection: redis });
  const events = new bullmq.QueueEvents(run, { ...common, connection: connection.connect() });
  await events.waitUntilReady();
  watchConnection(connection, note);
  // What an earlier session set aside is tried again.
  await queue.clean(0, 0, 'failed');
  await announceRun(redis, notice);
  const workers = watchWorkers(note);
  const beat = async (): Promise<void> => {
    await keepAlive(redis, run);
    workers.see(await readWorkers(redis, run));
  };
  // A connection that is lost is made again; the next beat tells.
  const heart = setInterval(() => void beat().catch(() => undefined), heartbeatMs);
  heart.unref();
  return {
    play: (jobs, played) => playAll({ connection, queue, events, options, workers }, jobs, played),
    close: async (isDone) => {
      clearInterval(heart);
      await queue.drain(true);
      if (isDone) {
        await queue.obliterate({ force: true });
        await redis.del(resultsKey(run));
      } else await redis.expire(resultsKey(run), keptSeconds);
      await withdrawRun(redis, run);
      await events.close();
      await queue.close();
    },
  };
}

interface Parts {
  readonly connection: QueueConnection;
  readonly queue: Queue;
  readonly events: QueueEvents;
  readonly options: JobQueueOptions;
  readonly workers: Watch;
}

async function playAll(parts: Parts, jobs: Iterable<unknown>, played: PlayOptions): Promise<void> {
  const { connection, queue, events, options, workers } = parts;
  const { window: size = 256, attempts = 3, notice } = options;
  const window = openWindow({ redis: connection.redis, queue, run: notice.run, size, attempts });
  const source = jobs[Symbol.iterator]();
  let done = 0;
  let sweptAt = systemClock.monotonicMs();
  let wake: () => void = () => undefined;
  const onCompleted = ({ jobId }: { readonly jobId: string }): void => {
    window.mark(jobId, { kind: 'done' });
    wake();
  };
  const onFailed = ({ jobId, failedReason }: { readonly jobId: string; readonly failedReason: string }): void => {
    window.mark(jobId, { kind: 'failed', reason: failedReason });
    wake();
  };
  const tell = (): void => played.onProgress?.({ done, workers: workers.ready() });
  events.on('completed', onCompleted);
  events.on('failed', onFailed);
  try {
    for (;;) {
      played.mayGoOn();
      await window.fill(source);
      const first = window.first();
      if (first === null) return;
      if (first.end !== null && (await take(parts, window, first, played, done))) {
        done++;
        tell();
      } else if (first.end === null) {
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        await Promise.race([woken, sleep(pauseMs)]);
      }
      if (systemClock.monotonicMs() - sweptAt < sweepMs) continue;
      await window.sweep();
      tell();
      sweptAt = systemClock.monotonicMs();
    }
  } finally {
    events.off('completed', onCompleted);
    events.off('failed', onFailed);
  }
}

/** Takes the result of a job in its turn. Returns false where it has to be done again. */
async function take(
  { connection: { where } }: Parts,
  window: JobWindow,
  { id, end }: Outstanding,
  { onResult, onFailed }: PlayOptions,
  index: number,
): Promise<boolean> {
  if (end?.kind === 'failed') {
    if (onFailed === undefined) throw setAside(where, id, end.reason);
    await onFailed(end.reason, index);
  } else {
    const packed = await window.result(id);
    if (packed === null) return false;
    await onResult(await unpack(packed, `${where}, job ${id}`), index);
  }
  await window.drop();
  return true;
}

function setAside(where: string, id: string, reason: string): EnvironmentError {
  return new EnvironmentError('a piece of the run cannot be done; it is set aside', {
    where: `${where}, job ${id}`,
    expected: 'a result from a worker',
    got: reason,
    remedy: 'Mend what it says, then resume the run: what was done is kept, and this is tried again.',
  });
}

/** Says when the queue is lost, and when it is back: commands wait meanwhile. */
function watchConnection({ redis, where }: QueueConnection, note: (text: string) => void): void {
  let isLost = false;
  redis.on('error', (error: Error) => {
    if (!isLost) note(`the queue at ${where} is lost (${error.message}); the run waits for it`);
    isLost = true;
  });
  redis.on('ready', () => {
    if (isLost) note(`the queue at ${where} is back`);
    isLost = false;
  });
}

interface Watch {
  readonly see: (found: readonly WorkerNotice[]) => void;
  readonly ready: () => number;
}

/** Says who came, who is gone, and who refuses the run and why, once each. */
function watchWorkers(note: (text: string) => void): Watch {
  const known = new Map<string, WorkerNotice['state']>();
  return {
    ready: () => [...known.values()].filter((state) => state === 'ready').length,
    see: (found) => {
      for (const { worker, host, pid, state, reason } of found) {
        if (known.get(worker) === state) continue;
        const isNews = known.has(worker) || state !== 'gone';
        known.set(worker, state);
        const name = `worker ${worker} (${host}, process ${String(pid)})`;
        if (isNews)
          note(
            state === 'ready'
              ? `${name} takes jobs`
              : state === 'refused'
                ? `${name} takes no jobs of this run: ${reason ?? 'no reason'}`
                : `${name} is gone; what it had begun is done again`,
          );
      }
    },
  };
}
