import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../../base/errors.js';
import type { JsonObject } from '../../base/json.js';
import { textId } from '../../dialogue/identity.js';
import { RunDirectory } from '../../runs/runDirectory.js';
import { type LabelTask, readLabelTask, type TaskQuery } from './labelTask.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gadfly-task-'));
});

const read = (path: string, query: Partial<TaskQuery> = {}): Promise<LabelTask> =>
  readLabelTask(path, { labels: [], perItem: null, onNote: () => undefined, ...query });

function writeRun(stages: readonly JsonObject[], samples: readonly JsonObject[] | null): string {
  const path = join(folder, 'run');
  const description = { name: 'eee', seed: 3, source: { file: null, folder }, inputs: [] };
  RunDirectory.create(path, { ...description, configuration: { stages } }).close('interrupted');
  if (samples !== null)
    writeFileSync(join(path, 'samples.jsonl'), samples.map((each) => `${JSON.stringify(each)}\n`).join(''));
  return path;
}

const labels = [{ name: 'rude', description: 'An insult.', harmful: true }, { name: 'polite' }];
const samples = [
  { id: 'a', text: 'one', cluster: 4, kept: true, probability: 0.5, row: 0 },
  { id: 'b', text: 'two', cluster: 4, kept: false, row: 1 },
];

describe('what is to be labelled', () => {
  it('of a run are the samples that exploring has kept, with the label set of its establish stage', async () => {
    const path = writeRun(
      [{ explore: {} }, { establish: { name: 'measure', labels, perItem: 2, choose: 'random' } }],
      samples,
    );
    expect(await read(path)).toMatchObject({
      name: 'eee · measure',
      items: [{ id: 'a', text: 'one', cluster: 4 }],
      labels: [labels[0], { name: 'polite', description: null, harmful: null }],
      perItem: 2,
      wanted: 1,
      choices: join(path, 'labels.jsonl'),
      strategy: 'random',
      seed: 3,
    });
    expect(await read(path, { labels: ['x', 'y'], perItem: 3 })).toMatchObject({
      perItem: 3,
      labels: [{ name: 'x' }, { name: 'y' }],
    });
  });

  it.each([
    ['texts.txt', 'one\n\ntwo\none\n'],
    ['texts.jsonl', '"one"\n{"text": "two"}\n'],
    ['texts.csv', 'text,more\none,1\ntwo,2\n'],
  ])('of %s is each text once, under an id that does not depend on its place', async (name, content) => {
    writeFileSync(join(folder, name), content);
    const task = await read(join(folder, name), { labels: ['good', 'bad'] });
    expect(task).toMatchObject({ name, perItem: 1, choices: join(folder, 'labels.jsonl') });
    expect(task.items).toEqual(['one', 'two'].map((text) => ({ id: textId(text), text, cluster: null })));
  });

  it('leaves markup and line breaks of a text as they are', async () => {
    writeFileSync(join(folder, 'texts.jsonl'), `${JSON.stringify({ text: 'a <b>bold</b>\nword  &amp; ' })}\n`);
    expect((await read(join(folder, 'texts.jsonl'), { labels: ['x', 'y'] })).items[0]?.text).toBe(
      'a <b>bold</b>\nword  &amp; ',
    );
  });
});

describe('is refused with a remedy', () => {
  it.each([
    ['a place that is not there', () => join(folder, 'none'), {}, /no such run directory or file/],
    ['a folder without a run', () => folder, {}, /holds no run/],
    ['a run without samples', () => writeRun([], null), {}, /no samples yet[^]*explore/],
    ['a run without a label set', () => writeRun([{ explore: {} }], samples), {}, /at least two labels[^]*--labels/],
    ['one label', () => writeRun([], samples), { labels: ['x'] }, /at least two labels/],
    ['a label that is named twice', () => writeRun([], samples), { labels: ['x', 'y', 'x'] }, /named twice/],
    [
      'a run of which nothing was kept',
      () => writeRun([], samples.slice(1)),
      { labels: ['x', 'y'] },
      /nothing to label/,
    ],
  ])('%s', async (_name, place, query, message) => {
    const asked = read(place(), query);
    await expect(asked).rejects.toThrow(message);
    await expect(asked).rejects.toThrow(ConfigError);
  });
});
