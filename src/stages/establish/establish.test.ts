import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withTinyEncoder } from '../../../tests/fakes/tinyEncoder.js';
import { letterShare, tinyContext, tinyRecipe, type TinyFiles, writeTinyFiles } from '../../../tests/fakes/tinyPool.js';
import { freshFolder, openTinyRun, readLines } from '../../../tests/fakes/tinyRuns.js';
import { InterruptedError } from '../../base/errors.js';
import { scriptedJudge } from '../../dialogue/testing/scripted.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import type { Recipe } from '../../recipe/recipe.js';
import { parseReport, type EstablishedReport } from '../../report/report.js';
import { runStages } from '../runStages.js';

const labels = [
  { name: 'polite', description: 'as it should be' },
  { name: 'rude', description: 'an insult', harmful: true },
  { name: 'odd', description: 'neither', harmful: false },
];
const twoLabels = labels.slice(0, 2);
const ensemble = { body: 'encoder', members: 2, epochs: 5, learningRate: 8e-3, batchSize: 8 };
const options = { labels, by: 'file:labelled.jsonl', minPerLabel: 8, ensemble };
const recipeOf = (changes: Readonly<Record<string, unknown>> = {}, before: readonly unknown[] = []): Recipe =>
  tinyRecipe([...before, { establish: { ...options, ...changes } }]);

/** Each class has its letter; ten texts are odd, and the polite ones are the most. */
const texts = Array.from({ length: 90 }, (_, i) =>
  i % 5 === 0
    ? { text: `zz${String(i)}`, label: 'rude' }
    : i % 7 === 1
      ? { text: `qq${String(i)}`, label: 'odd' }
      : { text: `aa${String(i)}`, label: 'polite' },
);

describe('the establish stage', () => {
  let device: Device;
  let files: TinyFiles;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    files = await withTinyEncoder(await writeTinyFiles(device));
    writeLines('labelled.jsonl', texts);
  });
  afterAll(() => device.close());

  function writeLines(name: string, rows: readonly object[]): void {
    writeFileSync(join(files.folder, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  }

  async function session(
    recipe: Recipe,
    folder: string,
    { judge = scriptedJudge(letterShare), ...how }: Parameters<typeof tinyContext>[3] = {},
  ): Promise<void> {
    const run = openTinyRun(recipe, folder, existsSync(folder) ? 'resume' : 'create');
    try {
      await runStages(tinyContext(files, recipe, run, { judge, ...how }));
      run.close('done');
    } catch (error) {
      run.close('interrupted');
      throw error;
    }
  }

  async function runWhole(recipe: Recipe, how: Parameters<typeof tinyContext>[3] = {}): Promise<string> {
    const folder = freshFolder();
    await session(recipe, folder, how);
    return folder;
  }

  function establishedOf(folder: string): EstablishedReport {
    const path = join(folder, 'report.json');
    const [found] = parseReport(JSON.parse(readFileSync(path, 'utf8')), path).established ?? [];
    if (found === undefined) throw new Error('the report has nothing established');
    return found;
  }

  it('learns the classes of a file, measures them on texts that it was not taught, and makes a judge', async () => {
    const folder = await runWhole(recipeOf());
    const labelled = readLines(folder, 'labelled.jsonl');
    expect(labelled.map(({ text, label }) => ({ text, label }))).toEqual(texts);
    const { labelling, ensemble: trained } = establishedOf(folder);
    expect(labelling).toMatchObject({ texts: 90, labelled: 90, unresolved: 0, withoutLabel: 0 });
    const heldOut = labelled.filter((record) => record['heldOut'] === true);
    expect(trained).toMatchObject({ trained: 90 - heldOut.length, quality: { texts: heldOut.length } });
    for (const { texts: n, recall } of trained?.quality.classes ?? []) {
      expect(n).toBeGreaterThan(1);
      expect(recall?.value).toBe(1);
    }
    expect(trained?.quality.harm.rocAuc?.value).toBe(1);
    const judge = JSON.parse(readFileSync(join(folder, 'judges/measure/judge.json'), 'utf8')) as object;
    expect(judge).toMatchObject({ members: ['member-1', 'member-2'], threshold: 0.5 });
    const weights = (member: string): Buffer =>
      readFileSync(join(folder, 'judges/measure', member, 'model.safetensors'));
    expect(weights('member-1').equals(weights('member-2'))).toBe(false);
  });

  it('killed at any moment and resumed, leaves the bytes of an uninterrupted run', async () => {
    const recipe = recipeOf();
    const whole = await runWhole(recipe);
    const folder = freshFolder();
    for (const stopAfter of [3, 25, 40, 1, 60]) {
      let asked = 0;
      const interrupted = (): boolean => ++asked > stopAfter;
      await expect(session(recipe, folder, { interrupted })).rejects.toThrow(InterruptedError);
    }
    await session(recipe, folder);
    for (const file of [
      'labelled.jsonl',
      'metrics.jsonl',
      'judges/measure/judge.json',
      'judges/measure/member-1/model.safetensors',
      'judges/measure/member-2/model.safetensors',
    ])
      expect(readFileSync(join(folder, file)).equals(readFileSync(join(whole, file))), file).toBe(true);
    expect(establishedOf(folder)).toEqual(establishedOf(whole));
  });

  it('trains a member again that misses a class, a bounded number of times, and names it where that did not help', async () => {
    const slow = { ...ensemble, members: 1, epochs: 1, learningRate: 1e-7, minRecall: 1, attempts: 2 };
    const recipe = recipeOf({ ensemble: slow });
    const whole = await runWhole(recipe);
    expect(establishedOf(whole).ensemble?.weak).toEqual(['member-1']);
    expect(readFileSync(join(whole, 'manifest.json'), 'utf8')).toMatch(/"attempts": 2/);
    const lines = readLines(whole, 'metrics.jsonl');
    expect(lines.map(({ epoch, leastRecall }) => [epoch, typeof leastRecall])).toEqual(
      Array.from({ length: 2 }, () => [
        [1, 'undefined'],
        [1, 'number'],
      ]).flat(),
    );
    const folder = freshFolder();
    // Each of the two attempts has 19 steps: the second stop is in the second.
    for (const stopAfter of [10, 25]) {
      let asked = 0;
      const interrupted = (): boolean => ++asked > stopAfter;
      await expect(session(recipe, folder, { interrupted })).rejects.toThrow(InterruptedError);
    }
    await session(recipe, folder);
    for (const file of ['metrics.jsonl', 'judges/measure/member-1/model.safetensors'])
      expect(readFileSync(join(folder, file)).equals(readFileSync(join(whole, file))), file).toBe(true);
  });

  it('takes several rows of one text for several labels, and leaves out what stays undecided', async () => {
    const twice = texts.flatMap((row, i) =>
      i < 30 ? [row, { ...row, label: i < 3 ? (row.label === 'odd' ? 'rude' : 'odd') : row.label }] : [row],
    );
    writeLines('twice.jsonl', twice);
    const { labelling } = establishedOf(await runWhole(recipeOf({ by: 'file:twice.jsonl' })));
    expect(labelling).toMatchObject({ texts: 90, labelled: 87, unresolved: 3 });
    expect(labelling.agreement).toMatchObject({ items: 30, unanimous: 0.9, cohen: [] });
    expect(labelling.agreement.krippendorff).toBeGreaterThan(0.5);
  });

  it('may tell one label from all others together', async () => {
    const { ensemble: trained } = establishedOf(await runWhole(recipeOf({ oneAgainstRest: 'rude' })));
    expect(trained?.quality.classes.map(({ name, harmful }) => [name, harmful])).toEqual([
      ['rude', true],
      ['not rude', false],
    ]);
  });

  it('names the line of a label that is not in the set', async () => {
    writeLines('unknown.jsonl', [...texts.slice(0, 2), { text: 'x', label: 'rud' }]);
    await expect(runWhole(recipeOf({ by: 'file:unknown.jsonl' }))).rejects.toThrow(
      /unknown\.jsonl:3[^]*one of polite, rude, odd[^]*Did you mean 'rude'/,
    );
  });

  it('stops where a label has too few texts, says how many, and that a lower number may be asked for', async () => {
    const folder = freshFolder();
    await expect(session(recipeOf({ minPerLabel: 15 }), folder)).rejects.toThrow(
      /15 of each \(minPerLabel\)[^]*polite 62, rude 18, odd 10[^]*Explore more/,
    );
    expect(readLines(folder, 'labelled.jsonl')).toHaveLength(90);
  });

  it('asks a judge for the labels of what exploring has kept, and goes on where it stopped', async () => {
    const explore = {
      explore: { samples: 100, maxNewTokens: 8, firstSentence: false, minWords: 1, clusters: 4, starts: 1 },
    };
    const judge = scriptedJudge((text) => Number(letterShare(text) > 0.12), { name: 'letters', threshold: 0.5 });
    const quick = { ...ensemble, members: 1, epochs: 1 };
    const recipe = recipeOf({ labels: twoLabels, by: 'letters', minPerLabel: 5, ensemble: quick }, [explore]);
    const whole = await runWhole(recipe, { judge });
    const folder = freshFolder();
    let asked = 0;
    const stopping = {
      ...judge,
      judge: async (items: Parameters<typeof judge.judge>[0]) => {
        if (++asked === 2) throw new InterruptedError('killed');
        return judge.judge(items);
      },
    };
    await expect(session(recipe, folder, { judge: stopping })).rejects.toThrow(InterruptedError);
    expect(readLines(folder, 'judgeLabels.jsonl')).toHaveLength(64);
    await session(recipe, folder, { judge });
    for (const file of ['judgeLabels.jsonl', 'labelled.jsonl', 'judges/measure/member-1/model.safetensors'])
      expect(readFileSync(join(folder, file)).equals(readFileSync(join(whole, file))), file).toBe(true);
    const labelled = readLines(whole, 'labelled.jsonl');
    expect(labelled).toHaveLength(100);
    for (const { text, label } of labelled) expect(label).toBe(letterShare(text as string) > 0.12 ? 'rude' : 'polite');
    const shares = establishedOf(whole).labelling.labels.map(({ share }) => share ?? 0);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
  });
});
