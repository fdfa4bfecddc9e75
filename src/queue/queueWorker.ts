/** The side of the queue that a worker has: finds runs with work, looks at each before it takes a job of it, does one job
 *  at a time. While it works it renews its lease; the jobs of a worker that died are given to others when that is over. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'bullmq';
import { systemClock } from '../base/clock.js';
import { keyPrefix, type QueueConnection } from './connection.js';
import { noteWorker, readRuns, resultsKey, type RunNotice } from './notices.js';
import { pack, unpack } from './packed.js';

/** A run whose jobs this worker does. */
export interface AcceptedRun {
  /** @param payload as the run sent it: not to be trusted */
  readonly play: (payload: unknown) => Promise<unknown>;
  readonly close: () => Promise<void>;
}

export interface QueueWorkerOptions {
  /** Unique among the workers of a queue. */
  readonly name: string;
  /** A job whose worker says nothing for so long is given to another. */
  readonly leaseMs: number;
  /** Looks at a run. What it throws is why no job of it is taken. */
  readonly accept: (run: RunNotice) => Promise<AcceptedRun>;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
  /** Called after every job. */
  readonly onJob?: (jobs: number) => void;
}

/** Thrown for a job that this worker would do otherwise than others: it goes back untouched, and no job of its run is taken
 *  any more. */
export class RefusedJob extends Error {
  constructor(cause: unknown) {
    super(reasonOf(cause), { cause });
    this.name = 'RefusedJob';
  }
}

/** Thrown for a job that goes back for another time or another worker, and counts as not tried. */
export class ReturnedJob extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'ReturnedJob';
  }
}

/** A job that was lost with its worker so often is the cause itself. */
const maxStalls = 5;
const lookMs = 500;
const noteMs = 5000;
/** A job that goes back waits a little. */
const pauseMs = 500;

interface TakenRun {
  readonly notice: string;
  readonly run: AcceptedRun | null;
  readonly worker: Worker | null;
  /** Why no job is taken. */
  reason: string | null;
  jobs: number;
  /** On the monotonic clock; null when it is to be told now. */
  notedAt: number | null;
}

/** Works until the signal is aborted; the job that it is at is done first. */
export async function workOnQueue(connection: QueueConnection, options: QueueWorkerOptions): Promise<void> {
  const { redis } = connection;
  const { log, signal } = options;
  const taken = new Map<string, TakenRun>();
  const oneByOne = lock();
  let jobs = 0;
  const leave = async (id: string): Promise<void> => {
    const each = taken.get(id);
    taken.delete(id);
    await each?.worker?.close();
    await oneByOne(async () => each?.run?.close());
  };
  while (!signal.aborted) {
    const runs = await readRuns(redis);
    for (const id of [...taken.keys()]) if (!runs.some(({ run }) => run === id)) await leave(id);
    for (const notice of runs) {
      const text = JSON.stringify(notice);
      const known = taken.get(notice.run);
      if (known !== undefined && known.notice !== text) await leave(notice.run);
      if (known?.notice !== text) {
        const state = await takeUp(connection, options, notice, oneByOne, () => options.onJob?.(++jobs));
        taken.set(notice.run, state);
        if (state.reason === null) log(`works for ${notice.name}`);
      }
      const each = taken.get(notice.run);
      if (each?.reason != null && each.notedAt === null) log(`takes no jobs of ${notice.name}: ${each.reason}`);
      const now = systemClock.monotonicMs();
      if (each !== undefined && (each.notedAt === null || now - each.notedAt >= noteMs)) {
        each.notedAt = now;
        await noteWorker(redis, notice.run, stateOf(options.name, each));
      }
    }
    await sleep(lookMs, undefined, { signal }).catch(() => undefined);
  }
  for (const id of [...taken.keys()]) await leave(id);
}

function stateOf(worker: string, { reason, jobs }: TakenRun): Parameters<typeof noteWorker>[2] {
  return reason === null ? { worker, state: 'ready', jobs } : { worker, state: 'refused', reason, jobs };
}

async function takeUp(
  { bullmq, redis, connect }: QueueConnection,
  { name, leaseMs, accept }: QueueWorkerOptions,
  notice: RunNotice,
  oneByOne: Lock,
  onJob: () => void,
): Promise<TakenRun> {
  const common = { notice: JSON.stringify(notice), jobs: 0, notedAt: null };
  let run: AcceptedRun;
  try {
    run = await oneByOne(() => accept(notice));
  } catch (error) {
    return { ...common, run: null, worker: null, reason: reasonOf(error) };
  }
  const worker = new bullmq.Worker<{ readonly packed?: unknown }>(
    notice.run,
    async (job, token) => {
      try {
        const value = await unpack(job.data.packed, `job ${job.id ?? ''}`);
        const result = await oneByOne(() => run.play(value));
        await redis.hset(resultsKey(notice.run), job.id ?? '', await pack(result));
      } catch (error) {
        if (!(error instanceof RefusedJob || error instanceof ReturnedJob))
          throw new Error(`${reasonOf(error)} (worker ${name})`, { cause: error });
        if (error instanceof RefusedJob) {
          taken.reason = error.message;
          taken.notedAt = null;
          void worker.pause(true);
        }
        await job.moveToDelayed(Date.parse(systemClock.isoNow()) + pauseMs, token);
        throw new bullmq.DelayedError();
      }
      taken.jobs++;
      onJob();
    },
    {
      connection: connect(),
      prefix: keyPrefix,
      concurrency: 1,
      lockDuration: leaseMs,
      stalledInterval: leaseMs,
      maxStalledCount: maxStalls,
    },
  );
  // A lost connection is made again; a job that fails is told to who asked.
  worker.on('error', () => undefined);
  const taken: TakenRun = { ...common, run, worker, reason: null };
  return taken;
}

/** Says on one line what went wrong. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message
    .split('\n')
    .map((line) => line.trim())
    .join('; ');
}

type Lock = <T>(work: () => Promise<T>) => Promise<T>;

/** One piece of work after the other. */
function lock(): Lock {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
}
