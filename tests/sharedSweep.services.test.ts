/** A sweep whose points are run by workers that are processes of their own, one of which is killed in the middle. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type CommandProcess, gadfly } from './fakes/commandProcess.js';
import { hasRedis, startRedis, type TestRedis } from './fakes/redisServer.js';
import { tinySpeaker, writeTinyCommandFiles } from './fakes/tinyCommandRecipe.js';
import { readSweepFile } from '../src/report/sweepFile.js';

describe.skipIf(!hasRedis())('a sweep that is shared out over processes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gadfly-shared-sweep-'));
  const recipe = join(folder, 'sweep.yaml');
  const local = join(folder, 'local');
  let redis: TestRedis;
  const workers: CommandProcess[] = [];
  beforeAll(async () => {
    await writeTinyCommandFiles(folder, {
      train: Array.from({ length: 8 }, (_, i) => `good morning ${String(i)}`),
      dev: ['the bus is late'],
      test: Array.from({ length: 40 }, (_, i) => `what a day ${String(i)}`),
    });
    writeFileSync(
      recipe,
      `name: tiny
target: ${tinySpeaker}
adversary: ${tinySpeaker}
judge: linear-toxicity
prompts: { train: train.json, dev: dev.json, test: test.json }
stages:
  - exploit: { attack: ipo, horizon: 1, epochs: 2, promptsPerEpoch: 4, batchPairs: 2, learningRate: 1e-3, devEvery: 0 }
  - evaluate: { turns: 4 }
sweep: { list: [{ seed: 0 }, { seed: 1 }, { judge: linear-toxicty }, { seed: 2 }] }
`,
    );
    redis = await startRedis();
    // The third point fails: its judge is unknown.
    expect(await gadfly(['run', recipe, '--out', local, '--threads', '1']).ended).toMatchObject({ code: 1 });
  });
  afterEach(async () => {
    for (const { child, ended } of workers.splice(0)) {
      child.kill('SIGKILL');
      await ended;
    }
  });
  afterAll(() => redis.close());

  const work = (): CommandProcess => {
    const worker = gadfly(['worker', '--queue', redis.url, '--lease', '1']);
    workers.push(worker);
    return worker;
  };
  const filesOf = (out: string): unknown =>
    readSweepFile(out).points.map(({ folder: point, status }) => [
      status,
      ...['rollouts.jsonl', 'pairs.jsonl', 'models/ipo/model.safetensors'].map((name) =>
        status === 'done' ? readFileSync(join(out, point, name)).toString('base64') : null,
      ),
    ]);

  it('leaves the runs and the table of one process, and goes on with the point of a worker that is killed', async () => {
    const out = join(folder, 'shared');
    const first = work();
    const { ended } = gadfly(['run', recipe, '--out', out, '--queue', redis.url]);
    // Its first point has trained: the worker dies before the evaluation is over.
    const died = new Promise<void>((resolve) => {
      const look = setInterval(() => {
        const points = readdirSync(folder).includes('shared') ? readdirSync(out) : [];
        const begun = points.some((point) => point.startsWith('0') && readdirSync(join(out, point)).includes('models'));
        if (!begun) return;
        clearInterval(look);
        first.child.kill('SIGKILL');
        resolve();
      }, 5);
    });
    await died;
    expect((await first.ended).code).toBeNull();
    work();
    work();
    const { code, errors } = await ended;
    expect([code, errors]).toEqual([1, expect.stringMatching(/failed \(judge: Unknown judge/)]);
    expect(filesOf(out)).toEqual(filesOf(local));
    const { tables } = readSweepFile(out);
    expect(tables).toEqual(readSweepFile(local).tables);
    expect(tables[0]?.rows.length).toBe(6);
    // What failed is tried again, and fails again; the others are passed over.
    const again = await gadfly(['run', '--resume', out, '--queue', redis.url]).ended;
    expect(again.code).toBe(1);
    expect(again.errors).toMatch(/01-seed=0: done before/);
  });
});
