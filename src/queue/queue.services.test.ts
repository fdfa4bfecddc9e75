/** The queue on a real Redis: jobs of numbers, workers in this process. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasRedis, startRedis, type TestRedis } from '../../tests/fakes/redisServer.js';
import { EnvironmentError } from '../base/errors.js';
import { keyPrefix, openQueueConnection, type QueueConnection } from './connection.js';
import { type JobQueue, openJobQueue, type PlayOptions } from './jobQueue.js';
import { queueVersion, type RunNotice } from './notices.js';
import { type AcceptedRun, type QueueWorkerOptions, RefusedJob, workOnQueue } from './queueWorker.js';

const notice: RunNotice = {
  schema: queueVersion,
  version: '1',
  run: '0123456789abcdef',
  name: 'test',
  plan: { base: 100 },
};
const numbers = (n: number): readonly { readonly n: number }[] => Array.from({ length: n }, (_, i) => ({ n: i }));
const numberOf = (payload: unknown): number => (payload as { readonly n: number }).n;

describe.skipIf(!hasRedis())('the queue', () => {
  let redis: TestRedis;
  let connection: QueueConnection;
  let notes: string[];
  const stops: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.close());
  beforeEach(async () => {
    connection = await redis.connect();
    await connection.redis.flushall();
    notes = [];
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
    await connection.close();
  });

  const open = (options: { readonly window?: number } = {}): Promise<JobQueue> =>
    openJobQueue(connection, { notice, note: (text) => notes.push(text), ...options });
  /** Starts a worker, which ends with the test. */
  const work = (
    name: string,
    play: AcceptedRun['play'],
    options: Partial<QueueWorkerOptions> = {},
  ): { readonly stop: () => Promise<void>; readonly log: string[] } => {
    const stopping = new AbortController();
    const log: string[] = [];
    const ended = redis.connect().then(async (own) => {
      await workOnQueue(own, {
        name,
        leaseMs: 1000,
        accept: async () => ({ play, close: async () => undefined }),
        log: (text) => log.push(text),
        signal: stopping.signal,
        ...options,
      });
      await own.close();
    });
    const stop = async (): Promise<void> => {
      stopping.abort();
      await ended;
    };
    stops.push(stop);
    return { stop, log };
  };
  const playAll = async (
    queue: JobQueue,
    jobs: Iterable<unknown>,
    options: Partial<PlayOptions> = {},
  ): Promise<readonly unknown[]> => {
    const results: unknown[] = [];
    await queue.play(jobs, {
      mayGoOn: () => undefined,
      onResult: async (value, index) => {
        expect(index).toBe(results.length);
        results.push(value);
      },
      ...options,
    });
    return results;
  };

  it('gives results in the order of the jobs, whatever worker does them and however long each takes', async () => {
    const done = new Map<string, number>();
    for (const name of ['a', 'b', 'c'])
      work(name, async (payload) => {
        await sleep((numberOf(payload) * 7) % 20);
        done.set(name, (done.get(name) ?? 0) + 1);
        return { twice: 2 * numberOf(payload) };
      });
    const queue = await open({ window: 16 });
    expect(await playAll(queue, numbers(60))).toEqual(numbers(60).map(({ n }) => ({ twice: 2 * n })));
    expect([...done.values()].reduce((sum, each) => sum + each, 0)).toBe(60);
    expect(done.size).toBeGreaterThan(1);
    await queue.close(true);
    const left = (await connection.redis.keys(`${keyPrefix}:*`)).filter((key) => !key.startsWith(`${keyPrefix}:seen:`));
    expect(left).toEqual([]);
  });

  it('does the same job once, and gives its result wherever it stands', async () => {
    let times = 0;
    work('a', async (payload) => {
      times++;
      return numberOf(payload);
    });
    const queue = await open();
    expect(await playAll(queue, [{ n: 1 }, { n: 2 }, { n: 1 }, { n: 1 }])).toEqual([1, 2, 1, 1]);
    expect(times).toBe(2);
    await queue.close(true);
  });

  it('sets a job aside that no worker can do, says why, and keeps what was done for the session that goes on', async () => {
    let isBroken = true;
    const played: number[] = [];
    work('a', async (payload) => {
      const n = numberOf(payload);
      played.push(n);
      if (n === 2 && isBroken) throw new Error('no memory\nfor this');
      return n;
    });
    const first = await open();
    await expect(playAll(first, numbers(6))).rejects.toThrow(EnvironmentError);
    await expect(playAll(first, numbers(6))).rejects.toThrow(/set aside[^]*no memory; for this \(worker a\)/);
    await sleep(300);
    await first.close(false);
    expect(played.filter((n) => n === 2)).toHaveLength(3);
    isBroken = false;
    played.length = 0;
    const second = await open();
    expect(await playAll(second, numbers(6))).toEqual([0, 1, 2, 3, 4, 5]);
    // The first two were taken before the run ended; those after the broken one lay ready.
    expect([...played].sort()).toEqual([0, 1, 2]);
    await second.close(true);
  });

  it('lets the run decide about a job that failed, and goes on with the others', async () => {
    work('a', async (payload) => {
      if (numberOf(payload) === 1) throw new Error('broken');
      return numberOf(payload);
    });
    const queue = await open();
    const seen: unknown[] = [];
    await queue.play(numbers(3), {
      mayGoOn: () => undefined,
      onResult: async (value) => void seen.push(value),
      onFailed: async (reason, index) => void seen.push(`${String(index)}: ${reason}`),
    });
    expect(seen).toEqual([0, '1: broken (worker a)', 2]);
    await queue.close(true);
  });

  it('gives jobs to no worker that refuses the run, and says why, also where that shows at a job', async () => {
    const refused: number[] = [];
    work('a', async () => 0, {
      accept: async () => {
        throw new Error('another version');
      },
    });
    work('b', async (payload) => {
      refused.push(numberOf(payload));
      throw new RefusedJob(new Error('other weights'));
    });
    const queue = await open();
    const results = playAll(queue, numbers(8));
    await sleep(2000);
    expect(refused).toHaveLength(1);
    work('c', async (payload) => numberOf(payload));
    expect(await results).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    await sleep(1500);
    expect(notes.join('\n')).toMatch(/worker a .* takes no jobs of this run: another version/);
    expect(notes.join('\n')).toMatch(/worker b .* takes no jobs of this run: other weights/);
    await queue.close(true);
  });

  it('gives the job of a worker that died to another', async () => {
    const queue = await open();
    // As a worker whose process is killed: it holds the job and its lease is never renewed.
    const dead = new connection.bullmq.Worker(notice.run, null, {
      connection: connection.connect(),
      prefix: keyPrefix,
      lockDuration: 1000,
    });
    const results = playAll(queue, numbers(3));
    while ((await dead.getNextJob('dead')) === undefined) await sleep(20);
    await dead.close(true);
    work('a', async (payload) => numberOf(payload));
    expect(await results).toEqual([0, 1, 2]);
    await queue.close(true);
  });

  it('ends when the run may not go on', async () => {
    const queue = await open();
    let asked = 0;
    const mayGoOn = (): void => {
      if (++asked > 2) throw new Error('stopped');
    };
    await expect(playAll(queue, numbers(3), { mayGoOn })).rejects.toThrow('stopped');
    await queue.close(false);
    expect(await connection.redis.zcard(`${keyPrefix}:${notice.run}:delayed`)).toBe(0);
  });
});

describe.skipIf(!hasRedis())('a Redis with a password', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis(['--requirepass', 'open-sesame-1234']);
  });
  afterAll(() => redis.close());

  it('is reached with it, from the address or beside it, and refuses without, which is said without the password', async () => {
    const inUrl = redis.url.replace('redis://', 'redis://:open-sesame-1234@');
    const connection = await openQueueConnection({ url: inUrl, password: null });
    expect(connection.where).not.toContain('sesame');
    await connection.close();
    await (await openQueueConnection({ url: redis.url, password: 'open-sesame-1234' })).close();
    await expect(redis.connect()).rejects.toThrow(/NOAUTH|Authentication/i);
    const wrong = openQueueConnection({ url: redis.url, password: 'wrong-sesame' });
    await expect(wrong).rejects.toThrow(EnvironmentError);
    await expect(wrong).rejects.not.toThrow(/wrong-sesame/);
  });
});
