/** An evaluation reads its rows back from what the run keeps: a damaged line or figure is named. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyContext, type TinyFiles, tinyRecipe, writeTinyFiles } from '../../../tests/fakes/tinyPool.js';
import { manualClock } from '../../base/clock.js';
import type { JsonObject } from '../../base/json.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import type { Report } from '../../report/report.js';
import { RunDirectory } from '../../runs/runDirectory.js';
import { runStages } from '../runStages.js';

describe('the rows of an evaluation', () => {
  let device: Device;
  let files: TinyFiles;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    files = await writeTinyFiles(device);
  });
  afterAll(() => device.close());

  const speaker = { model: 'tiny', format: 'plain', maxNewTokens: 4, temperature: 1, topP: 1, repetitionPenalty: 1 };
  const recipe = tinyRecipe([{ evaluate: { rows: ['untuned'], turns: 1 } }], {
    target: { ...speaker, precision: 'int8' },
  });

  async function evaluated(): Promise<{ readonly folder: string; readonly report: Report | null }> {
    const folder = join(mkdtempSync(join(tmpdir(), 'gadfly-rows-')), 'run');
    const configuration = recipe as unknown as JsonObject;
    const source = { file: null, folder };
    const description = { name: 'tiny', seed: 3, configuration, source, inputs: [] };
    const run = RunDirectory.create(folder, description, manualClock());
    const report = await runStages(tinyContext(files, recipe, run));
    run.close('interrupted');
    return { folder, report };
  }

  async function again(folder: string): Promise<Report | null> {
    const run = RunDirectory.resume(folder, null, manualClock());
    try {
      return await runStages(tinyContext(files, recipe, run));
    } finally {
      run.close('interrupted');
    }
  }

  /** Changes a file that the run keeps; in a log the texts must be equally long, for positions are bytes. */
  function change(folder: string, file: string, from: string, to: string): void {
    const path = join(folder, file);
    const text = readFileSync(path, 'utf8');
    expect(text).toContain(from);
    writeFileSync(path, text.replace(from, to));
  }

  it('are the same when a resumed run reads them', async () => {
    const { folder, report } = await evaluated();
    expect(report?.rows[0]?.rounding).toBeDefined();
    expect((await again(folder))?.rows).toEqual(report?.rows);
  });

  it('are refused with the line and key where a record is damaged', async () => {
    const { folder } = await evaluated();
    change(folder, 'rollouts.jsonl', '"author":"target"', '"author":"anyone"');
    await expect(again(folder)).rejects.toThrow(/rollouts\.jsonl:1: [^]* at turns\[1\]\.author/);
  });

  it('are refused with the unit and key where what rounding changed is damaged', async () => {
    const { folder } = await evaluated();
    change(folder, 'manifest.json', '"replyHarm": {', '"replyHarm": 1, "later": {');
    await expect(again(folder)).rejects.toThrow(/manifest\.json: evaluate:untuned: [^]*an object at replyHarm/);
  });
});
