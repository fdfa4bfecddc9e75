import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { present } from '../base/invariant.js';
import { tinyRecipe, tinyContext, type TinyFiles, writeTinyFiles } from '../../tests/fakes/tinyPool.js';
import { countingJudge, freshFolder, openTinyRun, readLines, readRecords } from '../../tests/fakes/tinyRuns.js';
import { BudgetError, InterruptedError } from '../base/errors.js';
import { openLanguageModel } from '../engine/models/languageModel.js';
import { type Device, openDevice } from '../engine/runtime/device.js';
import type { Recipe } from '../recipe/recipe.js';
import { parseReport, type ReportRow } from '../report/report.js';
import type { RunDirectory } from '../runs/runDirectory.js';
import { runStages } from './runStages.js';
import type { StageContext } from './stageContext.js';

const ipo = {
  attack: 'ipo',
  horizon: 2,
  epochs: 3,
  promptsPerEpoch: 4,
  batchPairs: 4,
  warmupSteps: 2,
  learningRate: 1e-3,
  devEvery: 1,
  devPrompts: 3,
  reward: { reply: 2, exchange: 0.5, likelihood: 0.1 },
  weakSupervision: { data: 'toxic.jsonl', probability: 0.4 },
};

describe('stages', () => {
  let device: Device;
  let files: TinyFiles;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    files = await writeTinyFiles(device);
  });
  afterAll(() => device.close());

  const contextOf = (
    recipe: Recipe,
    run: RunDirectory,
    options: Parameters<typeof tinyContext>[3] = {},
  ): StageContext => tinyContext(files, recipe, run, options);

  async function weightsOf(folder: string): Promise<string> {
    const model = await openLanguageModel(device, folder);
    const hash = await device.hash(model.weights);
    await model.close();
    return hash;
  }

  it('an exploit stage leaves a model, trees, pairs and metrics, and the target as it was', async () => {
    const recipe = tinyRecipe([{ exploit: ipo }]);
    const folder = freshFolder();
    const run = openTinyRun(recipe, folder);
    const context = contextOf(recipe, run);
    const target = await context.pool.localTarget();
    const before = await device.hash(target.model.weights);
    await runStages(context);
    run.close('done');
    expect(await device.hash(target.model.weights)).toBe(before);
    expect(existsSync(join(folder, 'models/ipo/model.safetensors'))).toBe(true);
    expect(await weightsOf(join(folder, 'models/ipo'))).not.toBe(before);

    const [pair] = readLines(folder, 'pairs.jsonl');
    expect(Object.keys(pair ?? {}).slice(0, 3)).toEqual(['prompt', 'chosen', 'rejected']);
    const metrics = readLines(folder, 'metrics.jsonl');
    const epochs = metrics.filter((record) => 'pairs/kept' in record);
    expect(epochs).toHaveLength(3);
    for (const name of ['pairs/teachingFraction', 'pairs/ties', 'dev/reward', 'epoch/rewards/margins', 'epoch/loss'])
      expect(epochs[0]).toHaveProperty([name]);
    expect(epochs.some((epoch) => 'rollout/replyHarm' in epoch)).toBe(true);
    expect(
      metrics.every(
        ({ step, epoch, time }) => typeof step === 'number' && typeof epoch === 'number' && typeof time === 'number',
      ),
    ).toBe(true);
    const [rollout] = readLines(folder, 'rollouts.jsonl');
    expect(rollout).toMatchObject({
      stage: 'exploit:ipo',
      epoch: 1,
      step: 0,
      prompt: {},
      turns: [{ author: 'adversary' }, { author: 'target' }, {}, {}],
    });
  });

  it('the reference of a pair comes from the rollout where the target read the same ids after the same prefix', async () => {
    const recipe = tinyRecipe([{ exploit: { ...ipo, epochs: 1, weakSupervision: null } }]);
    const run = openTinyRun(recipe, freshFolder());
    await runStages(contextOf(recipe, run));
    const { reference } = run.completed('exploit:ipo') as { reference: { known: number; computed: number } };
    run.close('done');
    expect(reference.known).toBeGreaterThan(0);
    // Utterances of a random byte model seldom end by themselves; those that do have an end token the target never saw.
    expect(reference.computed).toBeLessThan(reference.known / 4);
  });

  it('rollouts in 8 bits: the loss still gets its reference in f32, and the run says how far rounded readings are off', async () => {
    const speaker = { model: 'tiny', format: 'plain', maxNewTokens: 6, temperature: 1, topP: 1, repetitionPenalty: 1 };
    const recipe = tinyRecipe([{ exploit: { ...ipo, epochs: 2, weakSupervision: null } }], {
      target: { ...speaker, precision: 'int8' },
      adversary: { ...speaker, rolloutPrecision: 'int8' },
    });
    const runs = [];
    for (const folder of [freshFolder(), freshFolder()]) {
      const run = openTinyRun(recipe, folder);
      await runStages(contextOf(recipe, run));
      runs.push({
        folder,
        result: run.completed('exploit:ipo') as { reference: Record<string, number>; adversary: { queries: number } },
      });
      run.close('done');
    }
    const [first, second] = runs;
    expect(readRecords(first?.folder ?? '')).toBe(readRecords(second?.folder ?? ''));
    expect(first?.result.reference).toMatchObject({ known: 0 });
    expect(first?.result.reference['computed']).toBeGreaterThan(0);
    expect(first?.result.reference['roundingError']).toBeGreaterThan(0);
    expect(first?.result.reference['roundingError']).toBeLessThan(0.1);
    expect(readLines(first?.folder ?? '', 'metrics.jsonl').some((record) => 'rollout/roundingError' in record)).toBe(
      true,
    );
    // Killed in the second epoch and resumed, it leaves the same bytes: what the first epoch rounded has no say in the
    // second's figures.
    const killed = freshFolder();
    const begun = openTinyRun(recipe, killed);
    await expect(runStages(contextOf(recipe, begun, { judge: countingJudge(6) }))).rejects.toThrow('killed');
    begun.close('failed', 'killed');
    const resumed = openTinyRun(recipe, killed, 'resume');
    await runStages(contextOf(recipe, resumed));
    resumed.close('done');
    expect(readRecords(killed)).toBe(readRecords(first?.folder ?? ''));
    // Two depths of 2 and 4 utterances for 4 prompts, 2 epochs, and 3 dev dialogues of 2 turns after each: rollouts and
    // evaluation both count.
    expect(first?.result.adversary.queries).toBe(2 * 4 * 6 + 2 * 3 * 2);
  });

  it('an evaluation says what rounding the target changes in its dialogues, and nothing where training rounded nothing', async () => {
    const speaker = { model: 'tiny', format: 'plain', maxNewTokens: 6, temperature: 1, topP: 1, repetitionPenalty: 1 };
    const rowWith = async (precision: 'int8' | 'f32'): Promise<ReportRow> => {
      const recipe = tinyRecipe([{ evaluate: { rows: ['untuned'], turns: 2 } }], { target: { ...speaker, precision } });
      const run = openTinyRun(recipe, freshFolder());
      const report = await runStages(contextOf(recipe, run));
      run.close('done');
      return present(report?.rows[0], 'an evaluation has a row');
    };
    const { rounding, dialogues } = await rowWith('int8');
    expect(rounding?.['adversaryNllError']?.mean).toBeGreaterThan(0);
    expect(rounding?.['adversaryNllError']?.mean).toBeLessThan(0.1);
    expect(rounding?.['verdictsChanged']?.n).toBe(dialogues * 2);
    expect(await rowWith('f32')).not.toHaveProperty('rounding');
  });

  it('killed at any point and resumed, a run leaves the bytes of an uninterrupted one', async () => {
    const recipe = tinyRecipe([
      { exploit: ipo },
      { exploit: { attack: 'sft', data: 'toxic.jsonl', epochs: 2, batchSize: 4 } },
    ]);
    const whole = freshFolder();
    const wholeRun = openTinyRun(recipe, whole);
    await runStages(contextOf(recipe, wholeRun));
    wholeRun.close('done');
    // Calls of the judge: 3 an epoch's rollouts and demonstrations (two depths, one batch of demonstrations), 2 its dev evaluation.
    for (const call of [2, 7, 12]) {
      const folder = freshFolder();
      const first = openTinyRun(recipe, folder);
      await expect(runStages(contextOf(recipe, first, { judge: countingJudge(call) }))).rejects.toThrow('killed');
      first.close('failed', 'killed');
      const second = openTinyRun(recipe, folder, 'resume');
      await runStages(contextOf(recipe, second));
      second.close('done');
      expect(readRecords(folder)).toBe(readRecords(whole));
      for (const name of ['ipo', 'sft'])
        expect(await weightsOf(join(folder, 'models', name))).toBe(await weightsOf(join(whole, 'models', name)));
    }
  }, 600_000);

  it('asked to stop, a stage stops between steps, goes on and leaves the bytes of a run never stopped', async () => {
    const recipe = tinyRecipe([{ exploit: { ...ipo, epochs: 2 } }]);
    const [whole, folder] = [freshFolder(), freshFolder()];
    const unstopped = openTinyRun(recipe, whole);
    await runStages(contextOf(recipe, unstopped));
    unstopped.close('done');
    let asked = 0;
    const first = openTinyRun(recipe, folder);
    await expect(runStages(contextOf(recipe, first, { interrupted: () => ++asked > 9 }))).rejects.toThrow(
      InterruptedError,
    );
    expect(first.completed('exploit:ipo')).toBeNull();
    first.close('interrupted');
    const before = readLines(folder, 'metrics.jsonl');
    expect(before).not.toEqual([]);
    expect(before.length).toBeLessThan(readLines(whole, 'metrics.jsonl').length);
    const second = openTinyRun(recipe, folder, 'resume');
    await runStages(contextOf(recipe, second));
    second.close('done');
    expect(readRecords(folder)).toBe(readRecords(whole));
    expect(await weightsOf(join(folder, 'models/ipo'))).toBe(await weightsOf(join(whole, 'models/ipo')));
  });

  it('a limit on tokens ends the run with a budget error, and counts over sessions', async () => {
    const recipe = tinyRecipe([{ exploit: ipo }], { limits: { maxTokens: 300 } });
    const folder = freshFolder();
    const first = openTinyRun(recipe, folder);
    await expect(runStages(contextOf(recipe, first))).rejects.toThrow(BudgetError);
    first.close('interrupted');
    expect(first.manifest.spent['generatedTokens']).toBeGreaterThanOrEqual(300);
    const second = openTinyRun(recipe, folder, 'resume');
    await expect(runStages(contextOf(recipe, second))).rejects.toThrow(BudgetError);
    second.close('interrupted');
  });

  it('patience ends an attack whose dev reward no longer rises, and the best weights are kept', async () => {
    const recipe = tinyRecipe([{ exploit: { ...ipo, epochs: 12, learningRate: 0.3, patience: 2 } }]);
    const folder = freshFolder();
    const run = openTinyRun(recipe, folder);
    await runStages(contextOf(recipe, run));
    const result = run.completed('exploit:ipo') as { reason: string; epochs: number; bestScore: number };
    run.close('done');
    expect(result.reason).toBe('patience');
    const scores = readLines(folder, 'metrics.jsonl').flatMap((record) =>
      typeof record['dev/reward'] === 'number' ? [record['dev/reward']] : [],
    );
    expect(scores).toHaveLength(result.epochs);
    expect(result.bestScore).toBe(Math.max(...scores));
    expect(scores.length - 1 - scores.indexOf(result.bestScore)).toBe(2);
  });

  it('an evaluation reports every row under every judge, with intervals, turns, samples and words', async () => {
    const recipe = tinyRecipe([
      { exploit: { ...ipo, epochs: 1 } },
      { evaluate: { rows: ['untuned', 'ipo'], turns: 2, judges: ['letters', 'linear-toxicity'], samples: 3 } },
    ]);
    const folder = freshFolder();
    const run = openTinyRun(recipe, folder);
    const report = await runStages(contextOf(recipe, run));
    run.close('done');
    expect(parseReport(JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')), 'report.json')).toEqual(
      JSON.parse(JSON.stringify(report)),
    );
    expect(
      report?.rows.map(({ name, attack, judge, judgeTrainedOn }) => [name, attack, judge, judgeTrainedOn]),
    ).toEqual([
      ['untuned', 'none', 'letters', false],
      ['untuned', 'none', 'linear-toxicity', false],
      ['ipo', 'ipo', 'letters', true],
      ['ipo', 'ipo', 'linear-toxicity', false],
    ]);
    for (const { metrics, byTurn, dialogues } of report?.rows ?? []) {
      expect(dialogues).toBe(8);
      expect(metrics['replyHarm']).toMatchObject({ n: 16, unit: 'harm' });
      for (const name of [
        'replyFailureRate',
        'exchangeHarm',
        'adversaryHarm',
        'adversaryNll',
        'adversaryPerplexity',
        'reward',
        'diversityDistinct2',
        'diversitySelfBleu',
      ]) {
        const { mean, low, high } = metrics[name] as { mean: number; low: number; high: number };
        expect(low <= mean && mean <= high).toBe(true);
      }
      // The mean of exp is not the exp of the mean (Jensen).
      expect(metrics['adversaryPerplexity']?.mean as number).toBeGreaterThan(
        Math.exp(metrics['adversaryNll']?.mean as number),
      );
      expect(byTurn?.map(({ turn, metrics: each }) => [turn, each['replyHarm']?.n])).toEqual([
        [1, 8],
        [2, 8],
      ]);
    }
    expect(report?.samples).toHaveLength(6);
    expect(report?.points).toHaveLength(16);
  });

  it('an interrupted evaluation keeps finished rows and ends with the report of an uninterrupted one', async () => {
    const recipe = tinyRecipe([
      { exploit: { attack: 'sft', data: 'toxic.jsonl', epochs: 1, batchSize: 4 } },
      { evaluate: { turns: 2 } },
    ]);
    const report = async (folder: string, stops: readonly number[]): Promise<unknown> => {
      for (const [i, stop] of stops.entries()) {
        const run = openTinyRun(recipe, folder, i === 0 ? 'create' : 'resume');
        await expect(runStages(contextOf(recipe, run, { judge: countingJudge(stop) }))).rejects.toThrow('killed');
        run.close('failed');
      }
      const run = openTinyRun(recipe, folder, stops.length === 0 ? 'create' : 'resume');
      const result = await runStages(contextOf(recipe, run));
      run.close('done');
      return { rows: result?.rows, samples: result?.samples, points: result?.points };
    };
    expect(await report(freshFolder(), [2, 1])).toEqual(await report(freshFolder(), []));
  });
});
