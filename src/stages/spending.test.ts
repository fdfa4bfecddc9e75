/** The spending of a run is counted once wherever it happens, is the same after a kill, and stops the run at a limit. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { letterJudge, tinyContext, type TinyFiles, tinyRecipe, writeTinyFiles } from '../../tests/fakes/tinyPool.js';
import { countingJudge, freshFolder, openTinyRun, readLines } from '../../tests/fakes/tinyRuns.js';
import { BudgetError } from '../base/errors.js';
import type { Judge } from '../dialogue/types.js';
import { type Device, openDevice } from '../engine/runtime/device.js';
import type { Recipe } from '../recipe/recipe.js';
import { runStages } from './runStages.js';

const ipo = {
  attack: 'ipo',
  horizon: 2,
  epochs: 2,
  promptsPerEpoch: 6,
  batchPairs: 4,
  warmupSteps: 2,
  learningRate: 1e-3,
  devEvery: 1,
  devPrompts: 2,
};
const mend = {
  failures: { max: 24, minHarm: 0.05 },
  ordinary: { max: 6 },
  holdOut: 0.4,
  twin: { epochs: 1, batchSize: 6, learningRate: 1e-2 },
  candidates: { samples: 1, temperatures: [1.5], minGap: 0.01 },
  train: [{ loss: 'dpo', epochs: 1, batchPairs: 4, learningRate: 1e-3 }],
  measures: { prompts: 3 },
};

describe('spending', () => {
  let device: Device;
  let files: TinyFiles;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    files = await writeTinyFiles(device);
  });
  afterAll(() => device.close());

  async function play(
    recipe: Recipe,
    folder: string,
    judge: Judge,
    how: 'create' | 'resume' = 'create',
  ): Promise<void> {
    const run = openTinyRun(recipe, folder, how);
    try {
      await runStages(tinyContext(files, recipe, run, { judge }));
      run.close('done');
    } catch (error) {
      run.close('failed', String(error));
      throw error;
    }
  }

  const read = (folder: string, file: string): string => readFileSync(join(folder, file), 'utf8');
  const spentOf = (folder: string): Record<string, number> =>
    (JSON.parse(read(folder, 'manifest.json')) as { spent: Record<string, number> }).spent;

  it('every reply, text and step is counted once, and every metrics line says what was spent until then', async () => {
    const folder = freshFolder();
    const judge = countingJudge();
    await play(tinyRecipe([{ exploit: ipo }, { evaluate: { turns: 1 } }]), folder, judge);
    const spent = spentOf(folder);
    expect(spent['judgeTexts']).toBe(judge.texts());
    // Every exchange is judged three times: the reply, both together, the utterance.
    expect(spent['targetReplies']).toBe(judge.texts() / 3);
    expect(spent['adversaryUtterances']).toBe(judge.texts() / 3);
    const metrics = readLines(folder, 'metrics.jsonl');
    expect(spent['optimizerSteps']).toBe(metrics.filter((line) => typeof line['loss'] === 'number').length);
    expect(spent['generatedTokens']).toBe(
      (spent['targetTokensGenerated'] ?? NaN) + (spent['adversaryTokensGenerated'] ?? NaN),
    );
    const course = metrics.map((line) => line['spent/targetReplies'] as number);
    expect(course.length).toBeGreaterThan(2);
    expect(course).toEqual([...course].sort((a, b) => a - b));
    expect(course[0]).toBeGreaterThan(0);
    expect(spent).toMatchObject({ cost: 0, targetGradients: 0, writerReplies: 0 });
  });

  it('killed anywhere and resumed, a run has spent what an uninterrupted one has', async () => {
    const recipe = tinyRecipe([{ exploit: ipo }, { mend }, { evaluate: { turns: 1 } }]);
    const whole = freshFolder();
    const counting = countingJudge();
    await play(recipe, whole, counting);
    for (const share of [0.3, 0.6, 0.8, 0.95]) {
      const folder = freshFolder();
      const killed = countingJudge(Math.ceil(share * counting.calls()));
      await expect(play(recipe, folder, killed)).rejects.toThrow('killed');
      await play(recipe, folder, letterJudge(), 'resume');
      expect(spentOf(folder)).toEqual(spentOf(whole));
      expect(read(folder, 'metrics.jsonl')).toBe(read(whole, 'metrics.jsonl'));
    }
  });

  it.each([
    ['maxTargetReplies', 'targetReplies', 10],
    ['maxJudgeTexts', 'judgeTexts', 30],
    ['maxSteps', 'optimizerSteps', 1],
    ['maxTargetEvaluations', 'targetEvaluations', 1],
    ['maxTokens', 'generatedTokens', 200],
  ])('limits.%s ends the run, and the next session too', async (limit, name, most) => {
    // Rounded rollouts: the reference of every pair is read once more, in f32.
    const target = { model: 'tiny', format: 'plain', maxNewTokens: 6, temperature: 1, precision: 'int8' };
    const recipe = tinyRecipe([{ exploit: ipo }], { target, limits: { [limit]: most } });
    const folder = freshFolder();
    await expect(play(recipe, folder, letterJudge())).rejects.toThrow(BudgetError);
    expect(spentOf(folder)[name]).toBeGreaterThanOrEqual(most);
    await expect(play(recipe, folder, letterJudge(), 'resume')).rejects.toThrow(`limits.${limit}`);
  });
});
