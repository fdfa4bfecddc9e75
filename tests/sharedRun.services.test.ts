/** Runs that are shared out on a real Redis to workers that are processes of their own, some of which are killed. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { gadfly } from './fakes/commandProcess.js';
import { hasRedis, startRedis, type TestRedis } from './fakes/redisServer.js';
import { packageRoot } from '../src/base/packageRoot.js';
import { openStream, streamKey } from '../src/base/random.js';
import type { JsonObject } from '../src/base/json.js';

const speaker = '{ model: organism, maxNewTokens: 16 }';
const text = `name: shared
seed: 3
target: ${speaker}
adversary: ${speaker}
judge: { model: organism:judge }
prompts: { data: ${JSON.stringify(join(packageRoot(), 'assets/organism/prompts.json'))} }
stages:
  - exploit:
      { attack: ipo, horizon: 2, epochs: 2, promptsPerEpoch: 8, minGap: 0, batchPairs: 8, devEvery: 1, devPrompts: 4, warmupSteps: 1 }
  - evaluate: { rows: [untuned, ipo], turns: 2, prompts: 12 }
`;

describe.skipIf(!hasRedis())('a run that is shared out over processes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gadfly-shared-'));
  const recipe = join(folder, 'shared.yaml');
  const local = join(folder, 'local');
  let redis: TestRedis;
  const workers: ReturnType<typeof gadfly>[] = [];
  beforeAll(async () => {
    writeFileSync(recipe, text);
    redis = await startRedis();
    expect(await gadfly(['run', recipe, '--out', local, '--threads', '1', '--shard', '2']).ended).toMatchObject({
      code: 0,
    });
  });
  afterEach(async () => {
    for (const { child, ended } of workers.splice(0)) {
      child.kill('SIGKILL');
      await ended;
    }
  });
  afterAll(() => redis.close());

  const work = (...flags: readonly string[]): ReturnType<typeof gadfly> => {
    const worker = gadfly(['worker', '--queue', redis.url, ...flags]);
    workers.push(worker);
    return worker;
  };
  const share = (out: string): ReturnType<typeof gadfly> =>
    gadfly(['run', recipe, '--out', out, '--threads', '1', '--shard', '2', '--queue', redis.url]);
  const expectSame = (out: string): void => {
    const bytes = (name: string, of: string): Buffer => readFileSync(join(of, name));
    for (const name of ['rollouts.jsonl', 'pairs.jsonl', 'models/ipo/model.safetensors'])
      expect(bytes(name, out).equals(bytes(name, local)), name).toBe(true);
    const rows = (of: string): unknown => (JSON.parse(bytes('report.json', of).toString()) as JsonObject)['rows'];
    expect(rows(out)).toEqual(rows(local));
  };

  it('by two workers leaves what one process leaves, and a worker ends with its last job at Ctrl-C', async () => {
    const [first, second] = [work(), work()];
    const out = join(folder, 'two');
    const { code, errors } = await share(out).ended;
    expect([code, errors]).toEqual([0, expect.stringMatching(/takes jobs/)]);
    expectSame(out);
    first.child.kill('SIGINT');
    second.child.kill('SIGINT');
    expect([(await first.ended).code, (await second.ended).code]).toEqual([130, 130]);
  });

  it('whose workers are killed at random, again and again, and come back, leaves the same', async () => {
    const draws = openStream(streamKey(5, 'kills'));
    const out = join(folder, 'killed');
    const { ended } = share(out);
    let isOver = false;
    void ended.then(() => (isOver = true));
    let kills = 0;
    const lives = [0, 1].map(async () => {
      for (let life = 0; !isOver; life++) {
        const { child, ended: gone } = work('--lease', '1');
        child.stderr?.on('data', (piece: Buffer) => {
          if (life === 3 || !piece.toString().includes('works for')) return;
          void sleep(500 * draws.uniform()).then(() => {
            if (!isOver && child.kill('SIGKILL')) kills++;
          });
        });
        await Promise.race([gone, ended]);
      }
    });
    const { code, errors } = await ended;
    await Promise.all(lives);
    expect([code, errors.includes('set aside')]).toEqual([0, false]);
    expect(kills).toBeGreaterThan(1);
    expectSame(out);
  });

  it('and is killed itself goes on where its last checkpoint is', async () => {
    work();
    const out = join(folder, 'resumed');
    const first = share(out);
    let seen = '';
    first.child.stderr?.on('data', (piece: string) => {
      seen += piece;
      if (seen.includes('ipo: 1/2 epochs')) first.child.kill('SIGKILL');
    });
    expect((await first.ended).code).toBeNull();
    const again = gadfly(['run', '--resume', out, '--threads', '1', '--shard', '2', '--queue', redis.url]);
    expect(await again.ended).toMatchObject({ code: 0 });
    expectSame(out);
  });
});
