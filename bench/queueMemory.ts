/** Puts many small jobs through a queue and says what memory that takes: `npx tsx bench/queueMemory.ts ADDRESS [JOBS]`, with
 *  a Redis that holds nothing else. Run and worker are in this process, so that its memory is that of both. */
import { openQueueConnection } from '../src/queue/connection.js';
import { openJobQueue } from '../src/queue/jobQueue.js';
import { queueVersion } from '../src/queue/notices.js';
import { workOnQueue } from '../src/queue/queueWorker.js';
import { systemClock } from '../src/base/clock.js';
import { jsonText } from '../src/base/json.js';

const [url = 'redis://127.0.0.1:6379/0', wanted = '100000'] = process.argv.slice(2);
const jobs = Number(wanted);
const notice = { schema: queueVersion, version: 'bench', run: 'beefbeefbeefbeef', name: 'bench', plan: {} };

const [own, theirs] = [
  await openQueueConnection({ url, password: null }),
  await openQueueConnection({ url, password: null }),
];
const stop = new AbortController();
const working = workOnQueue(theirs, {
  name: 'bench',
  leaseMs: 30_000,
  // As large as a short dialogue with its ids.
  accept: async () => ({
    play: async (payload) => ({ payload, ids: Array.from({ length: 200 }, (_, i) => (i * 7919) % 49152) }),
    close: async () => undefined,
  }),
  log: () => undefined,
  signal: stop.signal,
});
const queue = await openJobQueue(own, { notice, note: () => undefined });
const begun = systemClock.monotonicMs();

function* payloads(): Iterable<unknown> {
  for (let n = 0; n < jobs; n++) yield { kind: 'bench', n, text: 'x'.repeat(200) };
}

let done = 0;
await queue.play(payloads(), {
  mayGoOn: () => undefined,
  onResult: async () => {
    if (++done % Math.max(1, Math.floor(jobs / 10)) !== 0) return;
    const [, used = '0'] = /used_memory:(\d+)/.exec(await own.redis.info('memory')) ?? [];
    const seconds = (systemClock.monotonicMs() - begun) / 1000;
    process.stdout.write(
      `${jsonText({
        jobs: done,
        seconds: Math.round(seconds),
        jobsPerSecond: Math.round(done / seconds),
        processMiB: Math.round(process.memoryUsage().rss / 2 ** 20),
        redisMiB: Math.round((Number(used) / 2 ** 20) * 10) / 10,
      })}\n`,
    );
  },
});
await queue.close(true);
stop.abort();
await working;
await own.close();
await theirs.close();
