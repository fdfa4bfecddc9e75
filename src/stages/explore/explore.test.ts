import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { letterShare, tinyContext, tinyRecipe, type TinyFiles, writeTinyFiles } from '../../../tests/fakes/tinyPool.js';
import { freshFolder, openTinyRun, readLines } from '../../../tests/fakes/tinyRuns.js';
import { ConfigError, InterruptedError } from '../../base/errors.js';
import { readVectors } from '../../discovery/vectorFile.js';
import { cosineDistance } from '../../stats/distances.js';
import { splitWords } from '../../stats/diversity.js';
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
  map: 0,
};
/** Texts of the user's own: of fewer words and more sentences than any rule allows. */
const own = ['Tea.', 'Rain. Then more rain.', 'abcdefghijklm'];

const recipeOf = (changes: Readonly<Record<string, unknown>> = {}): Recipe =>
  tinyRecipe([{ explore: { ...options, ...changes } }]);

describe('the explore stage', () => {
  let device: Device;
  let files: TinyFiles;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    files = await writeTinyFiles(device);
    writeFileSync(join(files.folder, 'own.json'), JSON.stringify(own));
  });
  afterAll(() => device.close());

  async function runWhole(recipe: Recipe, folder = freshFolder()): Promise<string> {
    const run = openTinyRun(recipe, folder);
    await runStages(tinyContext(files, recipe, run));
    run.close('done');
    return folder;
  }

  it.each([
    ['start', {}],
    ['prompts', {}],
    ['dialogues', { turns: 2 }],
  ])('leaves samples, their embeddings and their clusters (from: %s)', async (from, changes) => {
    const folder = await runWhole(recipeOf({ from, ...changes, map: 2000 }));
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
    // All 300 are fewer than a map may show.
    expect(report.clusterMap?.samples).toBe(300);
    expect(report.clusterMap?.points).toEqual(
      samples.map(({ place, cluster }) => [...(place as unknown as readonly [number, number]), cluster]),
    );
    // Each sample is nearest to the centre of its own cluster.
    const { count, width, values_NC } = readVectors(join(folder, 'centres.npy'));
    const rows = readVectors(join(folder, 'embeddings.npy'));
    const of = (values: Float32Array, row: number): Float32Array => values.subarray(row * width, (row + 1) * width);
    const nearest = samples.map((_, row) => {
      const away = Array.from({ length: count }, (__, k) => cosineDistance(of(rows.values_NC, row), of(values_NC, k)));
      return away.indexOf(Math.min(...away));
    });
    expect(nearest).toEqual(samples.map(({ cluster }) => cluster));
    expect(report.notes?.[0]).toMatch(/^Of \d+ draws 300 are kept/);
    const page = renderHtml(await readReportView(folder));
    expect(page).toContain('What the target says');
  });

  it.each([
    ['a plain run', { samples: 600 }],
    [
      'a run with a topic and texts of its own',
      { samples: 600, topic: { examples: 'own.json', atLeast: 0 }, add: 'own.json', map: 20 },
    ],
    ['a run over dialogues that batches cut', { samples: 600, from: 'dialogues', turns: 3 }],
  ] as const)(
    'killed while it draws or embeds, and resumed, leaves the bytes of an uninterrupted run: %s',
    async (_, changes) => {
      const recipe = recipeOf(changes);
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
      for (const file of ['draws.jsonl', 'samples.jsonl', 'clusters.jsonl', 'embeddings.npy', 'centres.npy'])
        expect(readFileSync(join(folder, file)).equals(readFileSync(join(whole, file)))).toBe(true);
    },
  );

  it.each([
    ['words', { words: ['a', 'e'] }, (text: string) => splitWords(text).some((word) => word === 'a' || word === 'e')],
    ['a judge', { judge: { model: 'letters', threshold: 0.1 } }, (text: string) => letterShare(text) > 0.1],
  ] as const)('drops what is off a topic by %s, and says so', async (_, topic, isOnTopic) => {
    const folder = await runWhole(recipeOf({ samples: 40, maxDraws: 1200, topic }));
    const draws = readLines(folder, 'draws.jsonl');
    const offTopic = draws.filter(({ dropped }) => dropped === 'topic');
    const samples = readLines(folder, 'samples.jsonl');
    expect(offTopic.length).toBeGreaterThan(0);
    expect(samples.length).toBeGreaterThan(0);
    expect(samples.every(({ text }) => isOnTopic(text as string))).toBe(true);
    expect(offTopic.some(({ text }) => isOnTopic(text as string))).toBe(false);
    const { notes } = parseReport(JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')), folder);
    expect(notes?.[0]).toContain(`${String(offTopic.length)} off the topic`);
  });

  it('keeps what is near to examples of the topic, and no other draw', async () => {
    const [all, half] = [
      await runWhole(recipeOf({ samples: 200 })),
      await runWhole(recipeOf({ samples: 200, maxDraws: 400, topic: { examples: 'own.json', atLeast: 0.2 } })),
    ];
    const textsOf = (folder: string): readonly unknown[] => readLines(folder, 'draws.jsonl').map(({ text }) => text);
    // The same draws are made, whatever is kept of them.
    expect(textsOf(half).slice(0, 200)).toEqual(textsOf(all).slice(0, 200));
    const offTopic = readLines(half, 'draws.jsonl').filter(({ dropped }) => dropped === 'topic');
    expect(offTopic.length).toBeGreaterThan(0);
    const kept = new Set(readLines(half, 'samples.jsonl').map(({ text }) => text));
    expect(kept.size).toBeGreaterThan(0);
    expect(offTopic.some(({ text }) => kept.has(text))).toBe(false);
  });

  it('adds texts of the user, whatever they are about, all of them to label', async () => {
    const changes = { samples: 100, maxDraws: 600, perCluster: 1, topic: { words: ['a'] } };
    const [plain, withOwn] = [
      await runWhole(recipeOf(changes)),
      await runWhole(recipeOf({ ...changes, add: 'own.json' })),
    ];
    expect(readLines(withOwn, 'draws.jsonl')).toEqual(readLines(plain, 'draws.jsonl'));
    const samples = readLines(withOwn, 'samples.jsonl');
    expect(samples.slice(0, 3).map(({ text, origin, kept, probability }) => [text, origin, kept, probability])).toEqual(
      own.map((text) => [text, 'added', true, 1]),
    );
    expect(samples.slice(3).map(({ text, origin }) => [text, origin])).toEqual(
      readLines(plain, 'samples.jsonl').map(({ text }) => [text, 'drawn']),
    );
    const report = parseReport(JSON.parse(readFileSync(join(withOwn, 'report.json'), 'utf8')), withOwn);
    expect(report.notes).toContain('3 texts of your own are among the samples.');
    for (const { cluster, kept } of report.clusters ?? [])
      expect(samples.filter((sample) => sample['cluster'] === cluster && sample['kept'] === true)).toHaveLength(kept);
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
