/** The reward of the target's own words through a whole run: it is recorded, summarised, counted and foreseen. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyContext, type TinyFiles, tinyRecipe, writeTinyFiles } from '../../tests/fakes/tinyPool.js';
import { freshFolder, openTinyRun, readLines } from '../../tests/fakes/tinyRuns.js';
import { promptsOf } from '../dialogue/testing/prompts.js';
import { type Device, openDevice } from '../engine/runtime/device.js';
import { workloadOf } from '../planning/workload.js';
import { runStages } from './runStages.js';

const phrasings = ['It is {{target}}.', '{{target}}'];
const ipo = {
  attack: 'ipo',
  horizon: 2,
  epochs: 1,
  promptsPerEpoch: 4,
  batchPairs: 4,
  devEvery: 1,
  devPrompts: 2,
  reward: { reply: 1, likelihood: 0, targetText: 0.1 },
  targetTexts: phrasings,
};
const prompts = { train: 'secrets.jsonl', dev: 'secrets.jsonl', test: 'secrets.jsonl' };

describe('a reward of the target’s own words', () => {
  let device: Device;
  let files: TinyFiles;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    files = await writeTinyFiles(device);
    const rows = promptsOf(6).map(({ text }, i) => ({
      prompt: text,
      target: `owl${String(i)}`,
      views: { target: { system: `The word is owl${String(i)}.` } },
    }));
    writeFileSync(join(files.folder, 'secrets.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  });
  afterAll(() => device.close());

  it('is recorded with every exchange, summarised in metrics and report, and spent as the dry run foresees it', async () => {
    const stages = [{ exploit: ipo }, { evaluate: { turns: 2, judges: ['letters', 'linear-toxicity'] } }];
    const recipe = tinyRecipe(stages, { prompts });
    const folder = freshFolder();
    const run = openTinyRun(recipe, folder);
    const report = await runStages(tinyContext(files, recipe, run));
    run.close('done');

    type Scores = Record<string, { targetTextNll?: number | null; reward: { terms: Record<string, number> } }[]>;
    const scores = readLines(folder, 'rollouts.jsonl').flatMap((line) =>
      Object.values(line['scores'] as Scores).flat(),
    );
    expect(scores.length).toBeGreaterThan(20);
    for (const { targetTextNll, reward } of scores) {
      expect(targetTextNll).toBeGreaterThan(0);
      expect(reward.terms['targetText']).toBeCloseTo(-0.1 * (targetTextNll ?? NaN), 9);
    }
    expect(readLines(folder, 'metrics.jsonl').some((line) => typeof line['dev/targetTextNll'] === 'number')).toBe(true);
    expect(report?.rows.map(({ metrics }) => metrics['targetTextNll']?.unit)).toEqual(Array(4).fill('nats/token'));

    const lengths = { prompts: { train: [9, 9, 9, 9, 9, 9], dev: [9, 9, 9, 9, 9, 9], test: [9, 9, 9, 9, 9, 9] } };
    const side = { ...lengths, utterance: 6, maxContext: 200 };
    const work = workloadOf(recipe, {
      adversary: side,
      target: side,
      demonstrations: new Map(),
      lists: new Map(),
      otherAdversaries: new Map(),
    });
    // Every exchange is followed by both phrasings.
    for (const { target, targetTexts } of work) expect(targetTexts.queries).toBe(2 * target.queries);
    const foreseen = work.reduce((sum, { targetTexts }) => sum + targetTexts.queries, 0);
    // The prompts have a view of the target's own, so that the reference reads every pair, too: two texts for each.
    const referenced = 2 * readLines(folder, 'pairs.jsonl').length;
    const spent = run.manifest.spent?.['targetEvaluations'];
    expect(spent).toBe(foreseen + referenced);
  });

  it('needs a target in every prompt: one without it is refused with its place, when the data is read', async () => {
    const mixed = [{ prompt: 'a', target: 'owl' }, { prompt: 'b' }];
    writeFileSync(join(files.folder, 'mixed.jsonl'), mixed.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const recipe = tinyRecipe([{ exploit: ipo }], { prompts: { ...prompts, dev: 'mixed.jsonl' } });
    const folder = freshFolder();
    const run = openTinyRun(recipe, folder);
    await expect(runStages(tinyContext(files, recipe, run))).rejects.toThrow(/mixed\.jsonl:2/);
    expect(run.manifest.spent?.['targetReplies'] ?? 0).toBe(0);
    run.close('failed');
    // Without the weight the same data is read.
    const plain = { ...ipo, reward: { reply: 1, likelihood: 0 } };
    const { pool } = tinyContext(files, tinyRecipe([{ exploit: plain }], { prompts: recipe.prompts }), run);
    expect((await pool.prompts()).dev).toHaveLength(2);
  });
});
