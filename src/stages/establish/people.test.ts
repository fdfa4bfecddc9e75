import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withTinyEncoder } from '../../../tests/fakes/tinyEncoder.js';
import { tinyContext, tinyRecipe, type TinyFiles, writeTinyFiles } from '../../../tests/fakes/tinyPool.js';
import { freshFolder, openTinyRun, readLines } from '../../../tests/fakes/tinyRuns.js';
import { WaitingError } from '../../base/errors.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { readOpinions } from '../../labelling/disagreementFile.js';
import type { Recipe } from '../../recipe/recipe.js';
import { runStages } from '../runStages.js';

const recipeOf = (changes: Readonly<Record<string, unknown>> = {}): Recipe =>
  tinyRecipe([
    {
      establish: {
        labels: [
          { name: 'polite', description: 'as it should be' },
          { name: 'rude', description: 'an insult', harmful: true },
        ],
        by: 'people',
        texts: 'texts.jsonl',
        perItem: 2,
        minPerLabel: 5,
        ensemble: { body: 'encoder', members: 2, epochs: 2, learningRate: 8e-3, batchSize: 8 },
        ...changes,
      },
    },
  ]);
const truth = (i: number): string => (i % 3 === 0 ? 'rude' : 'polite');

describe('labels of people', () => {
  let device: Device;
  let files: TinyFiles;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    files = await withTinyEncoder(await writeTinyFiles(device));
    const texts = Array.from({ length: 30 }, (_, i) => ({ text: `${i % 3 === 0 ? 'zz' : 'aa'}${String(i)}` }));
    writeFileSync(join(files.folder, 'texts.jsonl'), texts.map((text) => `${JSON.stringify(text)}\n`).join(''));
  });
  afterAll(() => device.close());

  async function session(recipe: Recipe, folder: string): Promise<void> {
    const run = openTinyRun(recipe, folder, existsSync(folder) ? 'resume' : 'create');
    try {
      await runStages(tinyContext(files, recipe, run));
      run.close('done');
    } catch (error) {
      run.close('interrupted');
      throw error;
    }
  }

  /** Writes what a person chose for items `from` to `to`, as the labelling page does. */
  function label(
    folder: string,
    labeller: string,
    from: number,
    to: number,
    choose: (i: number) => string | null,
  ): void {
    const lines = Array.from({ length: to - from }, (_, n) => {
      const choice = {
        id: `measure-${String(from + n)}`,
        label: choose(from + n),
        labeller,
        at: 'now',
        probability: 0.5,
      };
      return `${JSON.stringify(choice)}\n`;
    });
    appendFileSync(join(folder, 'labels.jsonl'), lines.join(''));
  }

  it('are waited for, and once there the run goes on to its judge', async () => {
    const recipe = recipeOf();
    const folder = freshFolder();
    await expect(session(recipe, folder)).rejects.toThrow(WaitingError);
    expect(readLines(folder, 'samples.jsonl')[4]).toMatchObject({ id: 'measure-4', text: 'aa4', kept: true });
    expect(readOpinions(folder)).toBeNull();

    label(folder, 'ada', 0, 30, truth);
    label(folder, 'ben', 0, 20, truth);
    await expect(session(recipe, folder)).rejects.toThrow(/30 texts with 2 labels each[^]*got: +20[^]*gadfly label/);
    const opinions = readOpinions(folder);
    expect([...(opinions?.keys() ?? [])]).toEqual(readLines(folder, 'samples.jsonl').map(({ id }) => id));
    expect([...(opinions?.values() ?? [])].every(({ disagreement, harm }) => disagreement >= 0 && harm <= 1)).toBe(
      true,
    );

    // A skip, an undo that is labelled anew, and a disagreement that a third person settles.
    label(folder, 'ben', 20, 30, (i) => (i === 29 ? null : 'polite'));
    label(folder, 'ben', 20, 21, () => null);
    label(folder, 'ben', 20, 21, truth);
    label(folder, 'eve', 21, 22, truth);
    await session(recipe, folder);
    const labelled = new Map(readLines(folder, 'labelled.jsonl').map(({ id, ...rest }) => [id, rest]));
    expect(labelled.get('measure-21')).toMatchObject({ label: 'rude', agreement: 2 / 3, labels: 3 });
    expect(labelled.get('measure-29')).toMatchObject({ label: 'polite', labels: 1 });
    // Ada says rude of 24 and 27, Ben polite.
    expect([24, 27].map((i) => labelled.has(`measure-${String(i)}`))).toEqual([false, false]);
    expect(labelled.size).toBe(28);
    expect(existsSync(join(folder, 'judges/measure/judge.json'))).toBe(true);
    const report = readFileSync(join(folder, 'report.json'), 'utf8');
    expect(report).toMatch(/"unresolved": 2/);
  });

  it('of fewer texts are enough where `items` says so, and a random choice needs no ensemble', async () => {
    const recipe = recipeOf({
      perItem: 1,
      items: 18,
      choose: 'random',
      ensemble: { body: 'encoder', members: 1, epochs: 1 },
    });
    const folder = freshFolder();
    await expect(session(recipe, folder)).rejects.toThrow(WaitingError);
    label(folder, 'ada', 0, 17, truth);
    await expect(session(recipe, folder)).rejects.toThrow(/18 texts with a label each/);
    expect(readOpinions(folder)).toBeNull();
    label(folder, 'ada', 17, 18, truth);
    await session(recipe, folder);
    expect(readLines(folder, 'labelled.jsonl')).toHaveLength(18);
  });

  it('that are not in the set are refused with their line', async () => {
    const recipe = recipeOf();
    const folder = freshFolder();
    await expect(session(recipe, folder)).rejects.toThrow(WaitingError);
    label(folder, 'ada', 0, 3, (i) => (i === 2 ? 'kind' : 'polite'));
    await expect(session(recipe, folder)).rejects.toThrow(/labels\.jsonl:3[^]*one of polite, rude/);
  });
});
