/** An evaluation plays the same rows with further models in the place of the target. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyContext, type TinyFiles, tinyRecipe, writeTinyFiles } from '../../../tests/fakes/tinyPool.js';
import { tinyModel } from '../../../tests/fakes/tinyModel.js';
import { freshFolder, openTinyRun } from '../../../tests/fakes/tinyRuns.js';
import { saveLanguageModel } from '../../engine/models/languageModel.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { transferMatrix } from '../../report/transferMatrix.js';
import { runStages } from '../runStages.js';

const evaluate = { rows: ['untuned', 'cold'], adversaries: { cold: { temperature: 0 } }, turns: 1 };

describe('further targets', () => {
  let device: Device;
  let files: TinyFiles;
  let another: string;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    files = await writeTinyFiles(device);
    another = join(files.folder, 'other');
    await mkdir(another);
    const other = await tinyModel(device, { seed: 2 });
    await saveLanguageModel(other, another);
    await other.close();
  });
  afterAll(() => device.close());

  it('are rows of their own, one per adversary, with their own replies', async () => {
    const recipe = tinyRecipe([{ evaluate: { ...evaluate, furtherTargets: { another } } }]);
    const run = openTinyRun(recipe, freshFolder());
    const report = await runStages(tinyContext(files, recipe, run));
    run.close('done');
    expect(report?.rows.map(({ name, target }) => [name, target === 'another'])).toEqual([
      ['untuned', false],
      ['cold', false],
      ['untuned@another', true],
      ['cold@another', true],
    ]);
    expect(transferMatrix(report ?? { rows: [] }, report?.rows[0]?.judge ?? '')?.columns).toHaveLength(2);
    const replies = (row: string): string[] =>
      (report?.samples ?? []).filter((sample) => sample.row === row).map(({ turns }) => turns[1]?.text ?? '');
    expect(replies('cold')).not.toEqual(replies('cold@another'));
  });
});
