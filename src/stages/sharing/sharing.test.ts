/** A run and a worker in one process, with a queue between them that is nothing but JSON. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TinyFiles, tinyRecipe, writeTinyFiles } from '../../../tests/fakes/tinyPool.js';
import { freshFolder, readRecords } from '../../../tests/fakes/tinyRuns.js';
import { manualClock } from '../../base/clock.js';
import { exactJsonText, type JsonObject } from '../../base/json.js';
import type { PlayJobs } from '../../dialogue/rollout/jobs.js';
import { playPartsHere } from '../../dialogue/rollout/shards.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { type ModelPool, type ModelPoolOptions, openModelPool } from '../../models/pool.js';
import type { JobQueue } from '../../queue/jobQueue.js';
import { queueVersion, type RunNotice } from '../../queue/notices.js';
import { RefusedJob } from '../../queue/queueWorker.js';
import type { Recipe } from '../../recipe/recipe.js';
import { packageVersion } from '../../runs/manifest.js';
import { RunDirectory } from '../../runs/runDirectory.js';
import { openWeightStore, type WeightStore } from '../../runs/weightStore.js';
import { openLimits } from '../limits.js';
import { runStages } from '../runStages.js';
import { planOf, playThrough } from './shareRun.js';
import { workForRun } from './workForRun.js';

const speaker = { model: './tiny', format: 'plain', maxNewTokens: 6, temperature: 1, topP: 1, repetitionPenalty: 1 };
const ipo = {
  attack: 'ipo',
  horizon: 2,
  epochs: 2,
  promptsPerEpoch: 5,
  batchPairs: 4,
  learningRate: 1e-2,
  devEvery: 1,
  devPrompts: 3,
  warmupSteps: 1,
};

interface Started {
  readonly run: RunDirectory;
  readonly pool: ModelPool;
  readonly store: WeightStore;
}

describe('a shared run', () => {
  let device: Device;
  let files: TinyFiles;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    files = await writeTinyFiles(device);
    writeFileSync(join(files.folder, 'rude.txt'), 'a\ne\n');
    writeFileSync(join(files.folder, 'asks.json'), JSON.stringify(['Hello.', 'Good day.']));
  });
  afterAll(() => device.close());

  const recipeOf = (changes: Readonly<Record<string, unknown>> = {}, stages?: readonly unknown[]): Recipe =>
    tinyRecipe(stages ?? [{ exploit: ipo }, { evaluate: { turns: 2, judges: ['linear-toxicity', 'insult-words'] } }], {
      target: speaker,
      adversary: speaker,
      judge: 'linear-toxicity',
      ...changes,
    });
  const poolOptions = (): Pick<ModelPoolOptions, 'openDevice' | 'cacheDir' | 'offline'> => ({
    // The device is all of theirs.
    openDevice: () => Promise.resolve({ ...device, close: () => Promise.resolve() }),
    cacheDir: null,
    offline: true,
  });
  const start = (recipe: Recipe, more: Partial<ModelPoolOptions> = {}): Started => {
    const { name, seed } = recipe;
    const configuration = JSON.parse(JSON.stringify(recipe)) as JsonObject;
    const source = { file: null, folder: files.folder };
    const described = { name, seed, configuration, source, inputs: [] };
    const run = RunDirectory.create(freshFolder(), described, manualClock());
    const { folder } = files;
    const pool = openModelPool({
      ...poolOptions(),
      recipe,
      folder,
      runFolder: run.path,
      spending: run.spending,
      ...more,
    });
    return { run, pool, store: storeOf() };
  };
  const storeOf = (): WeightStore => openWeightStore(mkdtempSync(join(tmpdir(), 'gadfly-store-')));
  const noticeOf = async ({ run, pool, store }: Started, changes: Partial<RunNotice> = {}): Promise<RunNotice> => ({
    schema: queueVersion,
    version: packageVersion(),
    run: '0'.repeat(32),
    name: 'tiny',
    plan: JSON.parse(JSON.stringify(await planOf(pool, run, store))) as JsonObject,
    ...changes,
  });
  const accept = (notice: RunNotice): ReturnType<typeof workForRun> =>
    workForRun(notice, { pool: poolOptions(), store: null, note: () => undefined });

  /** Plays a recipe. @returns the folder, and how many jobs went through the queue */
  const play = async (
    recipe: Recipe,
    shared: boolean,
    more: Partial<ModelPoolOptions> = {},
  ): Promise<{ readonly folder: string; readonly jobs: number; readonly stored: number }> => {
    const started = start(recipe, more);
    const { run, pool, store } = started;
    let jobs = 0;
    const limits = openLimits(run, recipe.limits, () => false);
    let playJobs: PlayJobs = playPartsHere(2);
    if (shared) {
      const worker = await accept(await noticeOf(started));
      const sent = (value: unknown): unknown => JSON.parse(exactJsonText(value));
      const queue: Pick<JobQueue, 'play'> = {
        play: async (all, { onResult }) => {
          let index = 0;
          for (const payload of all) {
            jobs++;
            await onResult(sent(await worker.play(sent(payload))), index++);
          }
        },
      };
      playJobs = playThrough(queue, { run, store, limits, dialogues: 2, onProgress: () => undefined });
    }
    await runStages({ recipe, run, pool, playJobs, limits, progress: () => undefined, clock: manualClock() });
    run.close('done');
    return { folder: run.path, jobs, stored: readdirSync(store.folder).length };
  };
  /** Without the times of phases: those of a worker are not told. */
  const recordsOf = (folder: string): string => readRecords(folder).replace(/"time\/[a-z]+":0,/g, '');
  const reportOf = (folder: string): unknown => {
    const { run: _, ...report } = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as JsonObject;
    return report;
  };
  const unitsOf = (folder: string): unknown =>
    (
      JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as { completed: readonly JsonObject[] }
    ).completed.map(({ positions: _, ...unit }) => unit);

  it.each([
    ['all weights', {}],
    ['an adapter', { adversary: { ...speaker, lora: { rank: 2 } } }],
    [
      'rollouts in 8 bits',
      { adversary: { ...speaker, rolloutPrecision: 'int8' }, target: { ...speaker, precision: 'int8' } },
    ],
  ])('with %s in training leaves the records, weights, report and counts of one process', async (_what, changes) => {
    const recipe = recipeOf(changes);
    const [here, shared] = [await play(recipe, false), await play(recipe, true)];
    // Two epochs of five prompts, dev of three twice, and two rows of eight prompts, two dialogues a job.
    expect(shared.jobs).toBe(2 * 3 + 2 * 2 + 2 * 4);
    expect(recordsOf(shared.folder)).toBe(recordsOf(here.folder));
    expect(reportOf(shared.folder)).toEqual(reportOf(here.folder));
    expect(unitsOf(shared.folder)).toEqual(unitsOf(here.folder));
    const weights = ({ folder }: { readonly folder: string }): Buffer =>
      readFileSync(join(folder, 'models/ipo/model.safetensors'));
    expect(weights(shared).equals(weights(here))).toBe(true);
    // Weights of earlier epochs are gone: what lies there is of the last row.
    expect(shared.stored).toBe(1);
  });

  it('of an estimate has its ordinary dialogues by workers, with the same events', async () => {
    const use = { name: 'use', dialogues: 24, turns: 2, openings: 'all' };
    const recipe = recipeOf({}, [{ estimate: use }]);
    const [here, shared] = [await play(recipe, false), await play(recipe, true)];
    expect(shared.jobs).toBe(12);
    const records = (folder: string): string => readRecords(folder, ['estimates.jsonl']);
    expect(records(shared.folder)).toBe(records(here.folder));
    expect(reportOf(shared.folder)).toEqual(reportOf(here.folder));
  });

  it('has rows of further targets by workers, which get their weights by hash', async () => {
    const recipe = recipeOf({}, [{ evaluate: { turns: 1, furtherTargets: { another: './another' } } }]);
    const [here, shared] = [await play(recipe, false), await play(recipe, true)];
    expect(shared.jobs).toBe(2 * 4);
    expect(readRecords(shared.folder)).toBe(readRecords(here.folder));
    expect(reportOf(shared.folder)).toEqual(reportOf(here.folder));
  });

  it('plays what no worker can open in its own process: lists of prompts, and judges of the program', async () => {
    const stages = [{ evaluate: { rows: ['asks'], adversaries: { asks: { model: 'prompts:asks.json' } }, turns: 1 } }];
    const listed = recipeOf({}, stages);
    expect((await play(listed, true)).jobs).toBe(0);
    const judge = { name: 'own', threshold: 0.5, judge: async (items: readonly unknown[]) => items.map(() => verdict) };
    const verdict = { kind: 'scored', harm: 0, failed: false, labels: {} } as const;
    const own = recipeOf({ judge: 'own' }, [{ evaluate: { turns: 1 } }]);
    expect((await play(own, true, { judges: { own: judge } })).jobs).toBe(0);
  });

  it('is refused by a worker of another version, with another target or another file of the judge', async () => {
    const started = start(recipeOf({ judge: { model: 'lexicon:./rude.txt', threshold: 0.5 } }));
    const notice = await noticeOf(started);
    const accepted = await accept(notice);
    await accepted.close();
    await expect(accept({ ...notice, version: '0.0.1' })).rejects.toThrow(/another version[^]*0\.0\.1/);
    await expect(accept({ ...notice, schema: 99 })).rejects.toThrow(/another version/);
    const target = { ...(notice.plan['target'] as JsonObject), hash: 'f'.repeat(64) };
    await expect(accept({ ...notice, plan: { ...notice.plan, target } })).rejects.toThrow(
      /the target of this worker is another model/,
    );
    writeFileSync(join(files.folder, 'rude.txt'), 'a\ni\n');
    await expect(accept(notice)).rejects.toThrow(/a file of the judge is another one here/);
    writeFileSync(join(files.folder, 'rude.txt'), 'a\ne\n');
    started.run.close('done');
  });

  it('has jobs of one form: what is none is not played, and other weights are refused before they speak', async () => {
    const started = start(recipeOf());
    const { pool, run } = started;
    const worker = await accept(await noticeOf(started));
    const sent: unknown[] = [];
    const queue: Pick<JobQueue, 'play'> = { play: async (jobs) => void sent.push(...jobs) };
    const limits = openLimits(run, started.pool.recipe.limits, () => false);
    const opened = await pool.openRow({ name: 'untuned' });
    const cast = {
      adversary: opened.value,
      target: await pool.target(),
      judge: await pool.judge(pool.recipe.judge),
      reward: { reply: 1 },
    };
    const prompts = (await pool.prompts()).test.slice(0, 1);
    const job = { kind: 'linear', prompts, turns: 1, stream: { seed: 0, name: 's', indices: [] } } as const;
    await playThrough(queue, { ...started, limits, dialogues: 1, onProgress: () => undefined })([job], cast);
    const [good] = JSON.parse(exactJsonText(sent)) as [{ job: JsonObject; cast: { adversary: JsonObject } }];
    await expect(worker.play({ ...good, job: { ...good.job, kind: 'eval' } })).rejects.toThrow(
      /not what gadfly writes/,
    );
    await expect(worker.play({ ...good, code: 'process.exit()' })).rejects.toThrow(/not what gadfly writes/);
    await expect(worker.play({ kind: 'require', of: 'x' })).rejects.toThrow(/not what gadfly writes/);
    const elsewhere = (change: JsonObject): unknown => ({
      ...good,
      cast: { ...good.cast, adversary: { ...good.cast.adversary, ...change } },
    });
    await expect(worker.play(elsewhere({ hash: 'f'.repeat(64) }))).rejects.toThrow(RefusedJob);
    const remote = {
      ...(good.cast.adversary['speaker'] as JsonObject),
      model: 'openai:gpt',
      baseUrl: 'http://127.0.0.1:1',
    };
    await expect(worker.play(elsewhere({ speaker: remote }))).rejects.toThrow(/not opened by workers/);
    const stolen = { kind: 'frozen', id: '../../../../../../etc' };
    await expect(worker.play(elsewhere({ weights: stolen }))).rejects.toThrow(/not what gadfly writes/);
    await expect(worker.play(good)).resolves.toMatchObject({ spent: { targetReplies: 1, adversaryUtterances: 1 } });
    await opened.close();
    run.close('done');
  });
});
