import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { datasetSamples } from '../testing/datasetSamples.js';
import type { DatasetFormatName } from './all.js';
import { readClassLabels } from './classLabels.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gadfly-classes-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function sampleOf(format: DatasetFormatName): string {
  const { files, open } = datasetSamples[format];
  return fileOf(`${format}-${open}`, files[open] ?? '');
}

const labelsOf = async (path: string, column: string | null = null) =>
  (await readClassLabels(path, { column })).map(({ text, label }) => [text, label]);

describe('class labels', () => {
  it('of CommonClaim are its three classes, each text a group of its own', async () => {
    const path = sampleOf('commonclaim');
    expect(await labelsOf(path)).toEqual([
      ['A kettle boils water.', 'True'],
      ['Most kettles, they say, can sing.', 'Neither'],
      ['A kettle is a kind of bird.', 'False'],
    ]);
    expect(new Set((await readClassLabels(path)).map(({ group }) => group)).size).toBe(3);
  });

  it('of CREAK keep the claims about one entity in one group', async () => {
    const labels = await readClassLabels(sampleOf('creak'));
    expect(labels.map(({ id, label, group }) => [id, label, group])).toEqual([
      ['train_0', 'true', 'Heron'],
      ['train_1', 'false', 'Heron'],
    ]);
  });

  it('of any rows are names, numbers or truth values, in the field that is named or found by its name', async () => {
    const rows = [
      { text: 'a', label: ' rude ', topic: 'tea' },
      { text: 'b', label: 2, topic: 'rain' },
      { text: 'c', label: true, topic: 'tea' },
    ];
    const lines = fileOf('rows.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
    const array = fileOf('rows.json', JSON.stringify(rows));
    const found = [
      ['a', 'rude'],
      ['b', '2'],
      ['c', 'true'],
    ];
    expect(await labelsOf(lines)).toEqual(found);
    expect(await labelsOf(array)).toEqual(found);
    expect((await labelsOf(lines, 'topic')).map(([, label]) => label)).toEqual(['tea', 'rain', 'tea']);
    expect(await labelsOf(fileOf('rows.csv', 'text,label\na,rude\nb,polite\n'))).toEqual([
      ['a', 'rude'],
      ['b', 'polite'],
    ]);
  });

  it('keep every label of an item that several people labelled, under one id and in one group', async () => {
    const path = fileOf('twice.jsonl', '{"text":"a","label":"rude"}\n{"text":"a","label":"polite"}\n');
    const [first, second] = await readClassLabels(path);
    expect([first?.label, second?.label]).toEqual(['rude', 'polite']);
    expect([second?.id, second?.group]).toEqual([first?.id, first?.group]);
  });

  it('keep the message that a reply answers, and the conversation as the group', async () => {
    const row = { id: 7, utterance: 'u', reply: 'r', goal: 'g', label: 'rude', conversation_id: 'talk' };
    const [label] = await readClassLabels(fileOf('exchange.jsonl', JSON.stringify(row)));
    expect(label).toMatchObject({
      id: '7',
      text: 'r',
      exchange: { utterance: 'u', reply: 'r' },
      goal: 'g',
      group: 'talk',
    });
  });

  it('say which line has no text or no class', async () => {
    const broken = fileOf('broken.jsonl', '{"text":"a","label":"x"}\n{"text":"b","label":" "}\n');
    await expect(readClassLabels(broken)).rejects.toThrow(/broken\.jsonl:2: [^]*names no class/u);
    await expect(readClassLabels(fileOf('none.jsonl', '{"text":"b"}\n'))).rejects.toThrow(/no label/u);
    await expect(readClassLabels(fileOf('textless.jsonl', '{"label":"b"}\n'))).rejects.toThrow(/There is no text/u);
    await expect(readClassLabels(fileOf('empty.json', '[]'))).rejects.toThrow(/no labelled text/u);
  });
});
