import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, EnvironmentError } from '../base/errors.js';
import type { JsonObject } from '../base/json.js';
import { manualClock } from '../base/clock.js';
import { readAllRecords } from './recordLog.js';
import { openRun } from './openRun.js';
import { RunDirectory } from './runDirectory.js';
import type { RunDescription } from './runDescription.js';

const description: RunDescription = {
  name: 'test',
  seed: 0,
  configuration: { name: 'test', stages: [{ exploit: { epochs: 2 } }] },
  source: { file: null, folder: '/' },
  inputs: [],
};
const fresh = (): string => join(mkdtempSync(join(tmpdir(), 'gadfly-run-')), 'run');

/** A run of two units of four steps each, every step recording draws of a counter, a checkpoint every second step. */
async function work(run: RunDirectory, stopAfter = Infinity): Promise<void> {
  let done = 0;
  for (const unit of ['a', 'b']) {
    if (run.completed(unit) !== null) continue;
    const checkpoint = run.latestCheckpoint(unit);
    const start =
      checkpoint === null
        ? { step: run.lastStep, local: 0 }
        : { step: checkpoint.step, local: Number(checkpoint.state['local']) };
    let step = start.step;
    for (let local = start.local; local < 4; local++) {
      if (done++ >= stopAfter) return;
      step++;
      run.log('rollouts').append({ unit, step, text: 'ü'.repeat(step) }, { unit, step, again: true });
      run.log('metrics').append({ step, value: step / 3 });
      if (local % 2 === 1) {
        await run.saveCheckpoint({
          step,
          unit,
          score: -step,
          state: { local: local + 1 },
          write: async (folder) => {
            writeFileSync(join(folder, 'weights'), `w${step}`);
          },
        });
      }
    }
    await run.saveModel(unit, async (folder) => {
      writeFileSync(join(folder, 'model'), unit);
    });
    run.completeUnit(unit, { step }, step);
  }
  run.close('done');
}

const records = (path: string): string =>
  ['rollouts.jsonl', 'pairs.jsonl', 'metrics.jsonl']
    .map((file) => readFileSync(join(path, file), 'utf8'))
    .join('---\n');

describe('RunDirectory', () => {
  it('a run stopped after any step and cut at any byte resumes to the bytes of an uninterrupted one', async () => {
    const whole = fresh();
    await work(RunDirectory.create(whole, description));
    await fc.assert(
      fc.asyncProperty(
        fc.nat(7), // Of eight steps: it never gets to its end.
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom('rollouts.jsonl', 'metrics.jsonl'),
        fc.string(),
        async (steps, keep, file, torn) => {
          const path = fresh();
          const first = RunDirectory.create(path, description);
          await work(first, steps);
          first.close('interrupted');
          const size = readFileSync(join(path, file)).length;
          truncateSync(join(path, file), Math.floor(size * keep));
          appendFileSync(join(path, 'pairs.jsonl'), `{"torn":"${torn.replaceAll('\n', '')}`);
          expect(openRun(path).manifest.status).toBe('interrupted');
          await work(RunDirectory.resume(path, description));
          expect(records(path)).toBe(records(whole));
          expect(readdirSync(join(path, 'models'))).toEqual(['a', 'b']);
        },
      ),
      { numRuns: 16, seed: 1 },
    );
  });

  it('a run that failed before it had anything to keep gives its folder to the next; any other is kept', () => {
    const path = fresh();
    RunDirectory.create(path, description).close('failed', 'a misspelt judge');
    const second = RunDirectory.create(path, { ...description, seed: 1 });
    expect(second.manifest).toMatchObject({ seed: 1, status: 'running' });
    second.log('rollouts').append({ text: 'something' });
    second.close('failed');
    expect(() => RunDirectory.create(path, description)).toThrow(/already holds a run/);
  });

  it('keeps the best and the last checkpoint of a unit', async () => {
    const run = RunDirectory.create(fresh(), description);
    const scores = [1, 5, 2, null, 3];
    for (const [i, score] of scores.entries())
      await run.saveCheckpoint({ step: i + 1, unit: 'a', score, state: {}, write: async () => undefined });
    expect(readdirSync(join(run.path, 'checkpoints')).sort()).toEqual(['step-2', 'step-5']);
    expect(run.bestCheckpoint('a')?.step).toBe(2);
    expect(run.latestCheckpoint('a')?.step).toBe(5);
    expect(run.lastStep).toBe(5);
    run.close('interrupted');
  });

  it('a checkpoint whose writer fails leaves nothing behind', async () => {
    const run = RunDirectory.create(fresh(), description);
    await expect(
      run.saveCheckpoint({
        step: 1,
        unit: 'a',
        score: null,
        state: {},
        write: async () => {
          throw new Error('no');
        },
      }),
    ).rejects.toThrow('no');
    expect(readdirSync(join(run.path, 'checkpoints'))).toEqual([]);
    run.close('failed');
  });

  it('refuses a second writer, and a folder that holds a run', () => {
    const path = fresh();
    const run = RunDirectory.create(path, description);
    expect(() => RunDirectory.resume(path)).toThrow(EnvironmentError);
    run.close('interrupted');
    expect(() => RunDirectory.create(path, description)).toThrow(/already holds a run/);
    RunDirectory.resume(path).close('interrupted');
  });

  it('goes on with other limits and another way of asking servers, and with no other server or sampling', () => {
    const path = fresh();
    const of = (remote: JsonObject, rest: JsonObject = {}): RunDescription => ({
      ...description,
      configuration: { target: { model: 'openai:x', baseUrl: 'http://a', remote, ...rest }, limits: { maxCost: 1 } },
    });
    const asked = { timeout: 1, retries: 0, concurrency: 2, requestsPerMinute: null, prices: null };
    RunDirectory.create(path, of({ ...asked, servedAs: 'y' }, { apiKeyEnv: 'A' })).close('interrupted');
    const patient = { timeout: 60, retries: 9, concurrency: 64, requestsPerMinute: 3, prices: { input: 1, output: 2 } };
    const run = RunDirectory.resume(path, of({ ...patient, servedAs: 'y' }, { apiKeyEnv: 'B' }));
    expect(run.manifest.configuration).toMatchObject({ target: { remote: { timeout: 60 } } });
    run.close('interrupted');
    expect(() => RunDirectory.resume(path, of({ ...asked, servedAs: 'z' }))).toThrow(/servedAs' differs/);
    const elsewhere = of({ ...asked, servedAs: 'y' }, { baseUrl: 'http://b' });
    expect(() => RunDirectory.resume(path, elsewhere)).toThrow(/baseUrl' differs/);
  });

  it('refuses to resume with another recipe and names the key', () => {
    const path = fresh();
    RunDirectory.create(path, description).close('interrupted');
    const other = { ...description, configuration: { name: 'test', stages: [{ exploit: { epochs: 3 } }] } };
    expect(() => RunDirectory.resume(path, other)).toThrow(/'stages\.0\.exploit\.epochs' differs/);
  });

  it('refuses to resume a finished run, and a folder without a run', () => {
    const path = fresh();
    expect(() => RunDirectory.resume(path)).toThrow(ConfigError);
    RunDirectory.create(path, description).close('done');
    expect(() => RunDirectory.resume(path)).toThrow(/this run is done/);
  });

  it('counts the time of all sessions and only that', () => {
    const path = fresh();
    const clock = manualClock();
    const first = RunDirectory.create(path, description, clock);
    clock.advance(1000);
    first.close('interrupted', 'asked to stop');
    clock.advance(50_000);
    const second = RunDirectory.resume(path, null, clock);
    expect(second.manifest.reason).toBeUndefined();
    clock.advance(500);
    second.close('done');
    expect(openRun(path).manifest).toMatchObject({ status: 'done', elapsedMs: 1500 });
  });

  it('says so when the folder cannot be written', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'gadfly-run-')), 'file');
    writeFileSync(file, '');
    expect(() => RunDirectory.create(join(file, 'run'), description)).toThrow(EnvironmentError);
    expect(() => RunDirectory.create(file, description)).toThrow(ConfigError);
  });

  it('refuses names of models that would leave the folder', () => {
    const run = RunDirectory.create(fresh(), description);
    expect(() => run.modelPath('../x')).toThrow(ConfigError);
    expect(run.hasModel('x')).toBe(false);
    run.close('done');
    expect(existsSync(join(run.path, 'run.lock'))).toBe(false);
  });

  it('a run in progress can be read while it is written', async () => {
    const run = RunDirectory.create(fresh(), description);
    run.log('metrics').append({ step: 1 });
    appendFileSync(join(run.path, 'metrics.jsonl'), '{"st');
    expect(await readAllRecords(openRun(run.path).logPath('metrics'))).toEqual([{ step: 1 }]);
    run.close('done');
  });
});
