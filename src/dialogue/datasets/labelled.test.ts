import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readLabelled } from './labelled.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-labelled-'));
const file = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const read = async (path: string, column: string | null = null) =>
  (await readLabelled(path, column)).map(({ text, harmful }) => [text, harmful]);

describe('labelled texts', () => {
  it('JSON lines and a JSON array, with labels in any of their spellings', async () => {
    const lines =
      '{"text":"a","label":1}\n\n{"text":"b","harm":false}\n{"text":"c","toxic":"1"}\n{"text":"d","label":null,"toxic":0}\n';
    expect(await read(file('a.jsonl', lines))).toEqual([
      ['a', true],
      ['b', false],
      ['c', true],
      ['d', false],
    ]);
    expect(await read(file('a.json', '[{"text":"a","label":true},\n {"reply":"b","harmful":"false"}]'))).toEqual([
      ['a', true],
      ['b', false],
    ]);
  });

  it('an utterance beside the text is the exchange that it belongs to', async () => {
    const [first] = await readLabelled(file('b.jsonl', '{"utterance":"u","reply":"r","failed":true}\n'), null);
    expect(first).toMatchObject({ text: 'r', exchange: { utterance: 'u', reply: 'r' }, harmful: true });
  });

  it('a Jigsaw file counts any of its labels, or the column that is named; quoted fields may break lines', async () => {
    const header = 'id,comment_text,toxic,severe_toxic,obscene,threat,insult,identity_hate\n';
    const path = file(
      'jigsaw.csv',
      `${header}1,"two\nlines",0,0,0,0,1,0\n2,plain,0,0,0,0,0,0\n3,"a, comma",1,0,0,0,0,0\n`,
    );
    expect(await read(path)).toEqual([
      ['two\nlines', true],
      ['plain', false],
      ['a, comma', true],
    ]);
    expect(await read(path, 'toxic')).toEqual([
      ['two\nlines', false],
      ['plain', false],
      ['a, comma', true],
    ]);
  });

  it('says which line has no text or no label, and what stands there', async () => {
    await expect(read(file('c.jsonl', '{"text":"a","label":1}\n{"text":"b"}\n'))).rejects.toThrow(
      /c\.jsonl:2[^]*--column/,
    );
    await expect(read(file('d.jsonl', '{"text":"a","label":0.5}\n'))).rejects.toThrow(
      /d\.jsonl:1[^]*neither yes nor no/,
    );
    await expect(read(file('e.jsonl', '{"label":1}\n'))).rejects.toThrow(/There is no text/);
    await expect(read(file('f.jsonl', '{"text":"a","label":1}\n'), 'toxic')).rejects.toThrow(/the field toxic/);
    await expect(read(file('g.jsonl', 'plain\n'))).rejects.toThrow(/g\.jsonl:1[^]*not JSON/);
    await expect(read(file('h.jsonl', '\n'))).rejects.toThrow(/no labelled text/);
  });
});
