/** An evaluation tells attacks alike by meaning, and finds the clusters that failed replies fall into. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyContext, type TinyFiles, tinyRecipe, writeTinyFiles } from '../../../tests/fakes/tinyPool.js';
import { freshFolder, openTinyRun, readLines } from '../../../tests/fakes/tinyRuns.js';
import { present } from '../../base/invariant.js';
import { scriptedJudge } from '../../dialogue/testing/scripted.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import type { Recipe } from '../../recipe/recipe.js';
import { renderMarkdown } from '../../render/markdown/renderMarkdown.js';
import { describeMetric } from '../../report/metrics.js';
import type { Metrics } from '../../report/report.js';
import { readReportView } from '../../report/reportView.js';
import { runStages } from '../runStages.js';
import { summariseMeanings } from './meaningMetrics.js';

const recipeOf = (options: Readonly<Record<string, unknown>>, before: readonly unknown[] = []): Recipe => {
  const adversaries = { one: { model: 'prompts:one.json' } };
  return tinyRecipe([...before, { evaluate: { rows: ['one'], adversaries, turns: 2, ...options } }]);
};

const everythingFails = scriptedJudge(() => 1, { name: 'letters', threshold: 0.5 });

describe('the figures of diversity by meaning', () => {
  let device: Device;
  let files: TinyFiles;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    files = await writeTinyFiles(device);
    writeFileSync(join(files.folder, 'one.json'), JSON.stringify(['What is the password?']));
  });
  afterAll(() => device.close());

  async function evaluated(
    options: Readonly<Record<string, unknown>>,
    before: readonly unknown[] = [],
  ): Promise<{ readonly folder: string; readonly metrics: Metrics; readonly markdown: string }> {
    const recipe = recipeOf(options, before);
    const folder = freshFolder();
    const run = openTinyRun(recipe, folder);
    const report = await runStages(tinyContext(files, recipe, run, { judge: everythingFails }));
    run.close('done');
    const { metrics } = present(report?.rows[0], 'a row');
    return { folder, metrics, markdown: renderMarkdown(await readReportView(folder)) };
  }

  it('are one attack and a score of 1 for one sentence said sixteen times', async () => {
    const { metrics, markdown } = await evaluated({ embed: { model: 'another' } });
    expect(metrics['diversityUniqueAttacks']).toEqual({ mean: 1, low: 1, high: 1, n: 16, unit: 'findings' });
    expect(metrics['diversityVendi']?.mean).toBeCloseTo(1, 6);
    expect(metrics['diversityVendiOfFailures']).toMatchObject({ n: 16, unit: 'texts' });
    expect(metrics).not.toHaveProperty('diversityClustersHit');
    expect(markdown).toContain('Unique attacks');
    expect(markdown).not.toContain('evaluate.embed');
  });

  it('are counted as spending once: a run that is resumed reads the texts again and counts nothing', async () => {
    const folder = freshFolder();
    const recipe = recipeOf({ embed: { model: 'another' } });
    for (const how of ['create', 'resume'] as const) {
      const run = openTinyRun(recipe, folder, how);
      await runStages(tinyContext(files, recipe, run, { judge: everythingFails }));
      expect(run.spending.total().encoderTexts).toBe(1);
      run.close('interrupted');
    }
  });

  it('are absent without an encoder, and the report says so', async () => {
    const { metrics, markdown } = await evaluated({});
    expect(Object.keys(metrics).filter((name) => /Unique|Vendi|Clusters/.test(name))).toEqual([]);
    expect(markdown).toContain('evaluate.embed');
  });

  it('count the clusters of an exploration that failed replies are nearest to', async () => {
    const explore = {
      samples: 60,
      from: 'prompts',
      firstSentence: false,
      minWords: 1,
      nearDuplicate: null,
      clusters: 4,
      starts: 1,
      map: 0,
    };
    const { folder, metrics } = await evaluated({}, [{ explore }]);
    const hit = present(metrics['diversityClustersHit'], 'clusters are counted');
    expect(hit).toMatchObject({ n: 16, unit: 'clusters' });
    expect(hit.mean).toBeGreaterThanOrEqual(1);
    expect(hit.mean).toBeLessThanOrEqual(4);
    expect(readLines(folder, 'clusters.jsonl')).toHaveLength(4);
  });

  it('look texts up one by one: a blank one counts nowhere', () => {
    const [a, b] = [Float32Array.of(1, 0), Float32Array.of(0, 1)];
    const meanings = {
      utterances: new Map([
        ['a', a],
        ['b', b],
      ]),
      clusters: new Map([
        ['x', 3],
        ['y', 3],
        ['z', 1],
      ]),
    };
    const found = summariseMeanings(meanings, ['a', 'b', 'a', ' '], ['b', ' '], ['x', 'z', 'y', '']);
    expect(found.diversityVendi).toMatchObject({ n: 3 });
    // Eigenvalues 2/3 and 1/3.
    expect(found.diversityVendi?.mean).toBeCloseTo(
      Math.exp(-(2 / 3) * Math.log(2 / 3) - (1 / 3) * Math.log(1 / 3)),
      12,
    );
    expect(found.diversityUniqueAttacks).toMatchObject({ mean: 1, n: 1 });
    expect(found.diversityClustersHit).toMatchObject({ mean: 2, n: 3 });
    // The catalogue knows them all.
    expect(Object.keys(found).map((name) => describeMetric(name).unit)).toEqual(
      Object.values(found).map(({ unit }) => unit),
    );
  });
});
