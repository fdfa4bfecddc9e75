import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyContext, tinyRecipe, type TinyFiles, writeTinyFiles } from '../../../tests/fakes/tinyPool.js';
import { freshFolder, openTinyRun, readLines } from '../../../tests/fakes/tinyRuns.js';
import { ConfigError, InterruptedError } from '../../base/errors.js';
import { readVectors } from '../../discovery/vectorFile.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import type { Recipe } from '../../recipe/recipe.js';
import { renderHtml } from '../../render/html/renderHtml.js';
import { parseReport } from '../../report/report.js';
import { readReportView } from '../../report/reportView.js';
import { runStages } from '../runStages.js';

/** Bytes of a random model are no sentences: words of any length, and all that is not the same. */
const options = {
  samples: 300,
  maxNewTokens: 12,
  firstSentence: false,
  minWords: 1,
  nearDuplicate: null,
  clusters: 6,
  perCluster: 20,
  starts: 1,
};
const recipeOf = (changes: Readonly<Record<string, unknown>> = {}): Recipe =>
  tinyRecipe([{ explore: { ...options, ...changes } }]);

describe('the explore stage', () => {
  let device: Device;
  let files: TinyFiles;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    files = await writeTinyFiles(device);
  });
  afterAll(() => device.close());

  async function runWhole(recipe: Recipe, folder = freshFolder()): Promise<string> {
    const run = openTinyRun(recipe, folder);
    await runStages(tinyContext(files, recipe, run));
    run.close('done');
    return folder;
  }

  it.each(['start', 'prompts'])('leaves samples, their embeddings and their clusters (from: %s)', async (from) => {
    const folder = await runWhole(recipeOf({ from }));
    const draws = readLines(folder, 'draws.jsonl');
    const samples = readLines(folder, 'samples.jsonl');
    expect(samples).toHaveLength(300);
    expect(draws.filter(({ dropped }) => dropped === null).map(({ text }) => text)).toEqual(
      samples.map(({ text }) => text),
    );
    expect(new Set(samples.map(({ id }) => id)).size).toBe(300);
    expect(samples.map(({ row }) => row)).toEqual(samples.map((_, row) => row));
    expect(readVectors(join(folder, 'embeddings.npy'))).toMatchObject({ count: 300 });
    const report = parseReport(JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')), folder);
    const clusters = report.clusters ?? [];
    expect(clusters).toHaveLength(6);
    for (const { cluster, size, kept, examples } of clusters) {
      const own = samples.filter((sample) => sample['cluster'] === cluster);
      expect([own.length, own.filter((sample) => sample['kept'] === true).length]).toEqual([size, kept]);
      expect(kept).toBe(Math.min(20, size));
      expect(own.map(({ text }) => text)).toEqual(expect.arrayContaining([...examples]));
    }
    expect(report.notes?.[0]).toMatch(/^Of \d+ draws 300 are kept/);
    const page = renderHtml(await readReportView(folder));
    expect(page).toContain('What the target says');
  });

  it('killed while it draws or embeds, and resumed, leaves the bytes of an uninterrupted run', async () => {
    const recipe = recipeOf({ samples: 600 });
    const whole = await runWhole(recipe);
    const folder = freshFolder();
    for (const stopAfter of [2, 1, 1]) {
      const run = openTinyRun(recipe, folder, existsSync(folder) ? 'resume' : 'create');
      let asked = 0;
      const interrupted = (): boolean => ++asked > stopAfter;
      await expect(runStages(tinyContext(files, recipe, run, { interrupted }))).rejects.toThrow(InterruptedError);
      run.close('interrupted');
    }
    const run = openTinyRun(recipe, folder, 'resume');
    await runStages(tinyContext(files, recipe, run));
    run.close('done');
    for (const file of ['draws.jsonl', 'samples.jsonl', 'clusters.jsonl', 'embeddings.npy'])
      expect(readFileSync(join(folder, file)).equals(readFileSync(join(whole, file)))).toBe(true);
  });

  it('stops at its limit of draws, and says that samples are missing', async () => {
    const folder = await runWhole(recipeOf({ maxDraws: 100, minWords: 2 }));
    expect(readLines(folder, 'draws.jsonl')).toHaveLength(100);
    const { notes } = parseReport(JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')), folder);
    expect(notes?.join(' ')).toMatch(/samples of 300 that were wanted/);
  });

  it('refuses a layer that the model does not have before it draws', async () => {
    const folder = freshFolder();
    await expect(runWhole(recipeOf({ embed: { layer: 9 } }), folder)).rejects.toThrow(ConfigError);
    expect(existsSync(join(folder, 'draws.jsonl'))).toBe(false);
  });

  it('embeds by another layer than the last when asked to', async () => {
    const [last, first] = [
      await runWhole(recipeOf()),
      await runWhole(recipeOf({ embed: { layer: 0, pooling: 'mean' } })),
    ];
    const valuesOf = (folder: string): Float32Array => readVectors(join(folder, 'embeddings.npy')).values_NC;
    expect(readFileSync(join(last, 'draws.jsonl')).equals(readFileSync(join(first, 'draws.jsonl')))).toBe(true);
    expect(valuesOf(last)).not.toEqual(valuesOf(first));
  });
});
