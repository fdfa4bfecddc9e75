import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyContext, tinyRecipe, type TinyFiles, writeTinyFiles } from '../../../tests/fakes/tinyPool.js';
import { countingJudge, freshFolder, openTinyRun, readLines, readRecords } from '../../../tests/fakes/tinyRuns.js';
import { BudgetError, ConfigError } from '../../base/errors.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import type { Recipe } from '../../recipe/recipe.js';
import { parseReport, type Report } from '../../report/report.js';
import { readRunRecords } from '../../runs/runRecords.js';
import { runStages } from '../runStages.js';
import { estimateSection } from './estimateSection.js';

const ipo = {
  exploit: {
    attack: 'ipo',
    horizon: 1,
    candidates: 2,
    epochs: 2,
    promptsPerEpoch: 4,
    batchPairs: 2,
    minGap: 0,
    learningRate: 0.01,
    reward: { reply: 1, likelihood: 0 },
  },
};

const recipeOf = (
  options: Readonly<Record<string, unknown>>,
  changes: Readonly<Record<string, unknown>> = {},
): Recipe => tinyRecipe([ipo, { estimate: { name: 'use', dialogues: 300, turns: 2, pilot: 60, ...options } }], changes);

describe('the estimate stage', () => {
  let device: Device;
  let files: TinyFiles;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    files = await writeTinyFiles(device);
    writeFileSync(join(files.folder, 'lines.json'), JSON.stringify(['abc def', 'hello there', 'what now', 'lm']));
  });
  afterAll(() => device.close());

  async function runWhole(recipe: Recipe, folder = freshFolder()): Promise<{ folder: string; report: Report }> {
    const run = openTinyRun(recipe, folder);
    await runStages(tinyContext(files, recipe, run));
    run.close('done');
    return { folder, report: parseReport(JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')), folder) };
  }

  it('of ordinary dialogues alone is the share of them that failed, counted from the records', async () => {
    const { folder, report } = await runWhole(recipeOf({ event: ['dialogue', 'reply'], openings: 'all' }));
    const draws = readLines(folder, 'estimates.jsonl');
    const dialogues = readLines(folder, 'rollouts.jsonl').filter(({ stage }) => stage === 'estimate:use:draw');
    expect(draws.map(({ draw }) => draw)).toEqual(Array.from({ length: 300 }, (_, i) => i));
    expect(dialogues).toHaveLength(300);
    // Every line of records says the same as the verdicts of its dialogue.
    const failed = dialogues.map(({ scores }) => {
      const { letters } = scores as unknown as Record<
        string,
        readonly { readonly reply: { readonly failed: boolean } }[]
      >;
      return (letters ?? []).map(({ reply }) => Number(reply.failed));
    });
    expect(draws.map(({ events }) => (events as Record<string, number>)['dialogue'])).toEqual(
      failed.map((replies) => Math.max(...replies)),
    );
    const [whole, reply] = report.estimates ?? [];
    const share = failed.filter((replies) => replies.includes(1)).length / 300;
    expect(whole).toMatchObject({ name: 'use', event: 'dialogue', method: 'ordinary', mixture: 1, proposal: null });
    expect(whole?.probability.mean).toBeCloseTo(share, 12);
    expect(whole?.guaranteedHigh).toBeGreaterThan(share);
    expect(reply?.probability.mean).toBeCloseTo(failed.flat().reduce((sum, each) => sum + each, 0) / 600, 12);
    expect(whole?.openings).toBe(300);
  });

  it('takes dialogues of one opening together where the prompts stand for others like them', async () => {
    const { report } = await runWhole(recipeOf({}));
    expect(report.estimates?.[0]).toMatchObject({ openings: 8, dialogues: 300, openingsAre: 'sample' });
  });

  it('tilts dialogues to a trained adversary and weighs them by how ordinary they are', async () => {
    const options = { proposal: 'ipo', mixture: 0.5, tempering: 0.5, openings: 'all' };
    const { folder, report } = await runWhole(recipeOf(options));
    const draws = readLines(folder, 'estimates.jsonl');
    const tilted = draws.filter((each) => each['tilted'] === true);
    expect(tilted.length).toBeGreaterThan(110);
    expect(tilted.length).toBeLessThan(190);
    for (const { weight, logRatio } of draws) {
      expect(weight).toBeLessThanOrEqual(2);
      expect(weight).toBeCloseTo(1 / (0.5 + 0.5 * Math.exp(Number(logRatio))), 9);
    }
    const [estimate] = report.estimates ?? [];
    expect(estimate).toMatchObject({ method: 'mixture', mixture: 0.5, tempering: 0.5, proposal: 'ipo', pilot: null });
    // Figures follow from the records: made anew they are the same, and a record that was changed changes them.
    expect(await estimateSection({ run: readRunRecords(folder) })).toEqual(report.estimates);
    const path = join(folder, 'estimates.jsonl');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replaceAll('"dialogue":1', '"dialogue":0'));
    expect((await estimateSection({ run: readRunRecords(folder) }))[0]?.probability.mean).toBe(0);
    writeFileSync(path, text);
    // The weights are those of the very distributions that were drawn from: their mean is 1.
    expect(estimate?.meanWeight).toBeGreaterThan(0.9);
    expect(estimate?.meanWeight).toBeLessThan(1.1);
    const ordinary = (await runWhole(recipeOf({ openings: 'all' }))).report.estimates?.[0];
    const error = Math.hypot(estimate?.standardError ?? NaN, ordinary?.standardError ?? NaN);
    expect(Math.abs((estimate?.probability.mean ?? NaN) - (ordinary?.probability.mean ?? NaN))).toBeLessThan(4 * error);
  });

  it('gives ordinary users that cut off what a tilted one says no weight', async () => {
    const speaker = { model: 'tiny', format: 'plain', maxNewTokens: 6, temperature: 1, topK: 30, repetitionPenalty: 1 };
    const { folder, report } = await runWhole(
      recipeOf(
        { proposal: 'ipo', mixture: 0.5, tempering: 1, openings: 'all' },
        { adversary: { ...speaker, topP: 1 } },
      ),
    );
    const draws = readLines(folder, 'estimates.jsonl');
    const cut = draws.filter(({ weight }) => weight === 0);
    expect(cut.length).toBeGreaterThan(0);
    expect(cut.every(({ tilted, logRatio }) => tilted === true && logRatio === null)).toBe(true);
    const [estimate] = report.estimates ?? [];
    expect(Math.abs((estimate?.meanWeight ?? 0) - 1)).toBeLessThan(0.2);
  });

  it('lets a pilot choose, which is thrown away', async () => {
    const { folder, report } = await runWhole(recipeOf({ proposal: 'ipo', openings: 'all' }));
    const [estimate] = report.estimates ?? [];
    expect(estimate?.pilot?.dialogues).toBe(60);
    expect(readLines(folder, 'estimates.jsonl')).toHaveLength(300);
    // Failures are frequent here: tilting is worth nothing, and the stage says so.
    expect(estimate).toMatchObject({ mixture: 1, proposal: null, tempering: null });
  });

  it('begins with first lines of a file, which are given and not drawn', async () => {
    const { folder, report } = await runWhole(
      recipeOf({ users: 'file:lines.json', proposal: 'ipo', mixture: 0.5, tempering: 0.5 }),
    );
    const dialogues = readLines(folder, 'rollouts.jsonl').filter(({ stage }) => stage === 'estimate:use:draw');
    const firsts = dialogues.map(({ turns }) =>
      (turns as unknown as readonly { readonly text: string }[])[0]?.text.trim(),
    );
    expect(new Set(firsts)).toEqual(new Set(['abc def', 'hello there', 'what now', 'lm']));
    expect(report.estimates?.[0]).toMatchObject({ users: 'file:lines.json', openings: 4 });
  });

  it('killed in its second batch and resumed leaves the records and figures of one never killed', async () => {
    const recipe = recipeOf({ proposal: 'ipo', mixture: 0.5, tempering: 0.5, openings: 'all' });
    const whole = await runWhole(recipe);
    const texts = countingJudge();
    const counted = openTinyRun(recipe, freshFolder());
    await runStages(tinyContext(files, recipe, counted, { judge: texts }));
    counted.close('done');
    const folder = freshFolder();
    const first = openTinyRun(recipe, folder);
    // The last calls are those of the third batch: two parts of two exchanges.
    const killing = countingJudge(texts.calls() - 5);
    await expect(runStages(tinyContext(files, recipe, first, { judge: killing }))).rejects.toThrow('killed');
    first.close('failed');
    const second = openTinyRun(recipe, folder, 'resume');
    expect(second.completed('estimate:use:draw')).toBeNull();
    await runStages(tinyContext(files, recipe, second));
    second.close('done');
    expect(readRecords(folder, ['estimates.jsonl'])).toBe(readRecords(whole.folder, ['estimates.jsonl']));
    const report = parseReport(JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')), folder);
    expect(report.estimates).toEqual(whole.report.estimates);
  });

  it('ends at a limit with its batches kept', async () => {
    const recipe = recipeOf({}, { limits: { maxTargetReplies: 300 } });
    const run = openTinyRun(recipe, freshFolder());
    await expect(runStages(tinyContext(files, recipe, run))).rejects.toBeInstanceOf(BudgetError);
    run.close('interrupted');
    expect(readLines(run.path, 'estimates.jsonl')).toHaveLength(128);
  });

  it('refuses a label that the judge does not give', async () => {
    const recipe = recipeOf({ event: 'label:rude' });
    const run = openTinyRun(recipe, freshFolder());
    await expect(runStages(tinyContext(files, recipe, run))).rejects.toBeInstanceOf(ConfigError);
    run.close('failed');
  });
});
