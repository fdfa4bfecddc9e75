/** An evaluation of conversations with private goals, by a judge that rates them as a whole. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyContext, type TinyFiles, tinyRecipe, writeTinyFiles } from '../../../tests/fakes/tinyPool.js';
import { freshFolder, openTinyRun } from '../../../tests/fakes/tinyRuns.js';
import { present } from '../../base/invariant.js';
import { datasetSamples } from '../../dialogue/testing/datasetSamples.js';
import type { Judge, JudgedItem } from '../../dialogue/types.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { runStages } from '../runStages.js';

describe('an evaluation of conversations', () => {
  let device: Device;
  let files: TinyFiles;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    files = await writeTinyFiles(device);
    mkdirSync(join(files.folder, 'social'));
    for (const [name, content] of Object.entries(datasetSamples.sotopia.files))
      writeFileSync(join(files.folder, 'social', name), content);
  });
  afterAll(() => device.close());

  it('has the mean and each dimension over rated dialogues; what was not due is neither scored nor unscored', async () => {
    const recipe = tinyRecipe([{ evaluate: { turns: 2, reward: { reply: 10, likelihood: 0 } } }], {
      prompts: { test: 'social' },
      judge: { model: 'letters', maxUnscored: 1 },
    });
    const asked: JudgedItem[] = [];
    const judge: Judge = {
      name: 'rating',
      threshold: 1,
      ratesDialogues: true,
      judge: async (items) => {
        asked.push(...items);
        return items.map((_, i) =>
          i === 0
            ? { kind: 'scored', harm: 0.6, failed: false, labels: {}, ratings: { goal: 4, mean: 2 } }
            : { kind: 'unscored', reason: 'no JSON' },
        );
      },
    };
    const run = openTinyRun(recipe, freshFolder());
    const report = present(await runStages(tinyContext(files, recipe, run, { judge })), 'a report');
    run.close('done');
    expect(asked).toHaveLength(2);
    expect(asked[0]?.names).toEqual({ adversary: 'Ada Lake', target: 'Ben Lake' });
    expect(asked[0]?.background).toContain("Ben's secrets");
    const { metrics, unscored, byTurn = [] } = present(report.rows[0], 'a row');
    expect(metrics['ratingGoal']).toMatchObject({ mean: 4, n: 1, unit: 'points' });
    expect(metrics['ratingMean']).toMatchObject({ mean: 2, n: 1 });
    expect(metrics['replyHarm']).toMatchObject({ mean: 0.6, n: 1 });
    expect([unscored, metrics['replyUnscored']?.mean, metrics['replyUnscored']?.n]).toEqual([1, 0.5, 2]);
    expect(metrics).not.toHaveProperty('adversaryUnscored');
    // The rated dialogue is paid zero, then six; that without a rating zero, and then nothing that is known.
    expect(metrics['reward']).toMatchObject({ mean: 2, n: 3 });
    expect(byTurn.map((turn) => turn.metrics['ratingMean']?.n)).toEqual([undefined, 1]);
    expect(report.notes?.join(' ')).toContain('could not score 1 of 2 replies');
    const turns = report.samples.flatMap((sample) => sample.turns);
    expect(turns.filter(({ notDue }) => notDue === true)).toHaveLength(6);
  });
});
