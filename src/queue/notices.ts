/** Notices in Redis beside the jobs: which runs have work, and which workers there are. All of them are read through a
 *  schema. */
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../base/json.js';
import { jsonObject } from '../base/schemaParts.js';
import { keyPrefix } from './connection.js';

/** The version of the form of notices, jobs and results. */
export const queueVersion = 1;

/** A run that has work to share out. */
export interface RunNotice {
  readonly schema: number;
  /** The version of gadfly that runs it. */
  readonly version: string;
  /** Also the name of its queue. */
  readonly run: string;
  /** Name for people. */
  readonly name: string;
  /** All that its jobs have in common, in the form that its workers know. */
  readonly plan: JsonObject;
}

const notice: z.ZodType<RunNotice> = z.looseObject({
  schema: z.number(),
  version: z.string(),
  run: z.string().regex(/^[0-9a-f]{16,64}$/),
  name: z.string(),
  plan: jsonObject,
});

/** A worker as the run sees it. */
export interface WorkerNotice {
  readonly worker: string;
  readonly host: string;
  readonly pid: number;
  readonly state: 'ready' | 'refused' | 'gone';
  /** Why it refused. */
  readonly reason?: string | undefined;
  /** Jobs of this run that it has done. */
  readonly jobs: number;
}

const workerNotice: z.ZodType<WorkerNotice> = z.object({
  worker: z.string(),
  host: z.string(),
  pid: z.number(),
  state: z.enum(['ready', 'refused', 'gone']),
  reason: z.string().optional(),
  jobs: z.number(),
});

const runsKey = `${keyPrefix}:runs`;
const aliveKey = (run: string): string => `${keyPrefix}:alive:${run}`;
const workersKey = (run: string): string => `${keyPrefix}:workers:${run}`;
const seenKey = (run: string, worker: string): string => `${keyPrefix}:seen:${run}:${worker}`;
export const resultsKey = (run: string): string => `${keyPrefix}:results:${run}`;

/** A run or a worker that has said nothing for so long is gone. */
const silenceSeconds = 30;

export async function announceRun(redis: Redis, own: RunNotice): Promise<void> {
  await redis.hset(runsKey, own.run, JSON.stringify(own));
  await keepAlive(redis, own.run);
}

export async function keepAlive(redis: Redis, run: string): Promise<void> {
  await redis.set(aliveKey(run), '1', 'EX', silenceSeconds);
}

export async function withdrawRun(redis: Redis, run: string): Promise<void> {
  await redis.hdel(runsKey, run);
  await redis.del(aliveKey(run), workersKey(run));
}

/** Returns the runs whose process lives. What is no notice is passed over. */
export async function readRuns(redis: Redis): Promise<readonly RunNotice[]> {
  const found: RunNotice[] = [];
  for (const text of Object.values(await redis.hgetall(runsKey))) {
    const parsed = notice.safeParse(parseJson(text));
    if (parsed.success && (await redis.exists(aliveKey(parsed.data.run))) === 1) found.push(parsed.data);
  }
  return found;
}

/** A worker says how it stands to a run, and that it lives. */
export async function noteWorker(redis: Redis, run: string, own: Omit<WorkerNotice, 'host' | 'pid'>): Promise<void> {
  const whole: WorkerNotice = { ...own, host: hostname(), pid: process.pid };
  await redis.hset(workersKey(run), own.worker, JSON.stringify(whole));
  await redis.set(seenKey(run, own.worker), '1', 'EX', silenceSeconds);
}

/** Returns all workers that have come to a run; those that said nothing for a while are gone. */
export async function readWorkers(redis: Redis, run: string): Promise<readonly WorkerNotice[]> {
  const found: WorkerNotice[] = [];
  for (const text of Object.values(await redis.hgetall(workersKey(run)))) {
    const parsed = workerNotice.safeParse(parseJson(text));
    if (!parsed.success) continue;
    const lives = (await redis.exists(seenKey(run, parsed.data.worker))) === 1;
    found.push(lives || parsed.data.state === 'refused' ? parsed.data : { ...parsed.data, state: 'gone' });
  }
  return found;
}

function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}
