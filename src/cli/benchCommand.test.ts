import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyModel } from '../../tests/fakes/tinyModel.js';
import type { Clock } from '../base/clock.js';
import { ConfigError } from '../base/errors.js';
import { saveLanguageModel } from '../engine/models/languageModel.js';
import { type Device, openDevice } from '../engine/runtime/device.js';
import { benchShape } from '../planning/measureRates.js';
import { fakeTerminal, jsonOf, runCli } from './testing/fakeTerminal.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-bench-'));
const tiny = join(folder, 'tiny');
const cache = join(folder, 'cache');
let device: Device;

beforeAll(async () => {
  device = await openDevice({ threads: 1 });
  await saveLanguageModel(await tinyModel(device, { seed: 1 }), tiny);
  for (const [name, texts] of [
    ['train', ['good morning', 'a cup of tea']],
    ['dev', ['nice hat']],
    ['test', ['what a day']],
  ] as const) {
    writeFileSync(join(folder, `${name}.json`), JSON.stringify(texts));
  }
  writeFileSync(
    join(folder, 'tiny.yaml'),
    `
name: tiny
target: { model: ./tiny, maxNewTokens: 4 }
adversary: { model: ./tiny, maxNewTokens: 4 }
judge: linear-toxicity
prompts: { train: train.json, dev: dev.json, test: test.json }
stages: [{ exploit: { attack: ipo, horizon: 1, epochs: 2, promptsPerEpoch: 2, devEvery: 0 } }, { evaluate: { turns: 1 } }]
`,
  );
});
afterAll(() => device.close());

/** Every look at it is 2 s later, so that a measure ends after its second run. */
function tickingClock(): Clock {
  let now = 0;
  return { monotonicMs: () => (now += 2000), isoNow: () => '2000-01-01T00:00:00.000Z' };
}

const dryRun = async (): Promise<Record<string, unknown>> =>
  jsonOf(await runCli(['run', join(folder, 'tiny.yaml'), '--dry-run', '--json', '--threads', '1', '--cache', cache]));

describe('gadfly bench', () => {
  it('a dry run without rates counts tokens at their limits and names the command that measures', async () => {
    const plan = await dryRun();
    const missing = [expect.stringMatching(/^gadfly bench .*tiny --threads 1 --cache /) as unknown];
    expect(plan).toMatchObject({ time: { seconds: null, missing } });
    expect(plan).toMatchObject({
      stages: [{ target: { queries: 8, generatedTokens: 32 }, pairs: 4, seconds: null }, { judgeQueries: 6 }],
    });
    expect(JSON.stringify(plan['time'])).toContain('taken to fill their limit');
  });

  it('measures a model as one document, and keeps the rates where a dry run finds them', async () => {
    const terminal = { ...fakeTerminal(), clock: tickingClock() };
    const result = await runCli(['bench', tiny, '--json', '--quiet', '--threads', '1', '--cache', cache], terminal);
    expect(result.code).toBe(0);
    const generating = [1, 8, 32].map((batch) => ({
      batch,
      tokensPerSecond: expect.closeTo(batch * 11.5, 6) as unknown,
    }));
    // A run takes a tick, 2 s. Two of the same length differ by nothing, so that the whole one counts.
    expect(jsonOf(result)).toMatchObject({
      model: tiny,
      key: { threads: 1, device: 'cpu' },
      shape: { promptTokens: 64, newTokens: 24 },
      frozen: { reading: expect.closeTo(256, 6) as unknown, generating },
      trainable: { training: expect.closeTo((4 * 110) / 2, 6) as unknown },
      stored: expect.stringContaining(cache) as unknown,
    });
    expect(readdirSync(join(cache, 'gadfly-rates'))).toHaveLength(1);
    const { time, stages } = (await dryRun()) as {
      time: { seconds: number };
      stages: { seconds: { total: number } }[];
    };
    expect(time.seconds).toBeCloseTo(
      stages.reduce((sum, { seconds }) => sum + seconds.total, 0),
      9,
    );
    expect(time.seconds).toBeGreaterThan(0);
  });

  it('a model that is not there, or is not on this machine, is a usage error', async () => {
    for (const name of [join(folder, 'nowhere'), 'openai:gpt', 'nonsense:x'])
      expect((await runCli(['bench', name])).code).toBe(2);
  });

  it('fits its prompts to short contexts, and refuses hopeless ones', () => {
    expect(benchShape(2048)).toMatchObject({ promptTokens: 64, newTokens: 24 });
    expect(benchShape(30)).toMatchObject({ promptTokens: 20, newTokens: 10 });
    expect(() => benchShape(4)).toThrow(ConfigError);
  });
});
