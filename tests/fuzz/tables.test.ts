/** Files that a seed draws, valid and broken: a reader gives rows or one clear message, and no row is lost. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { readPreferences } from '../../src/dialogue/preferences.js';
import { readLabelled } from '../../src/dialogue/datasets/labelled.js';
import { loadPrompts } from '../../src/dialogue/datasets/loadDataset.js';
import { readRows } from '../../src/dialogue/datasets/rows.js';
import { settingsFor, timeoutMs, valueOrMessage } from './settings.js';

const root = mkdtempSync(join(tmpdir(), 'gadfly-fuzz-'));
afterAll(() => rmSync(root, { recursive: true }));
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(root, name);
  writeFileSync(path, content);
  return path;
};

async function valuesOf(path: string): Promise<readonly unknown[]> {
  const values: unknown[] = [];
  for await (const { value } of readRows(path)) values.push(value);
  return values;
}

const readers = {
  rows: valuesOf,
  prompts: async (path: string) => (await loadPrompts(path)).items,
  labels: (path: string) => readLabelled(path, null),
  preferences: (path: string) => readPreferences(path),
} as const;

const names = ['f.csv', 'f.tsv', 'f.jsonl', 'f.json', 'f.parquet', 'f.txt', 'f.csv.gz'] as const;

async function readEverywhere(content: string | Uint8Array): Promise<void> {
  for (const name of names) {
    const path = file(name, content);
    // A reader that gives a list that is empty has lost something in silence; rows alone may be none.
    for (const [kind, read] of Object.entries(readers)) {
      const found = await valueOrMessage<readonly unknown[]>(() => read(path));
      if (kind !== 'rows') expect(found?.length, `${kind} of ${name}`).not.toBe(0);
    }
  }
}

const field = fc.string({
  unit: fc.constantFrom('a', 'b', ' ', '"', ',', ';', '\t', '|', '\n', '\r', 'é', '\u2028', '🌧', '\\', '{'),
  maxLength: 12,
});

describe('drawn files', () => {
  it(
    'of CSV whose fields are quoted give back every field, whatever the delimiter and the line breaks',
    async () => {
      const tables = fc.record({
        rows: fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 8 }),
        delimiter: fc.constantFrom(',', ';', '\t', '|'),
        lineBreak: fc.constantFrom('\n', '\r\n', '\r'),
        mark: fc.constantFrom('', '\uFEFF'),
      });
      await fc.assert(
        fc.asyncProperty(tables, async ({ rows, delimiter, lineBreak, mark }) => {
          const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
          const lines = [['x', 'y'], ...rows].map((row) => row.map(quoted).join(delimiter));
          const found = await valuesOf(file('t.csv', `${mark}${lines.join(lineBreak)}`));
          expect(found).toEqual(rows.map(([x, y]) => ({ x, y })));
        }),
        settingsFor(),
      );
    },
    timeoutMs,
  );

  it(
    'of text in which almost every character means something end in rows or a message',
    async () => {
      const unit = fc.constantFrom(
        'text,label',
        'prompt',
        'chosen',
        '"',
        ',',
        '\n',
        '\r',
        '{',
        '}',
        '[',
        ']',
        ':',
        '1',
        'NaN',
        '\\',
        'null',
        ' ',
        '\u0000',
        '\ud800',
      );
      await fc.assert(fc.asyncProperty(fc.string({ unit, maxLength: 30 }), readEverywhere), settingsFor(1 / 4));
    },
    timeoutMs,
  );

  it(
    'of rows of any JSON end in rows or a message',
    async () => {
      const value = fc.oneof(
        fc.string(),
        fc.double(),
        fc.constant(null),
        fc.boolean(),
        fc.array(fc.jsonValue(), { maxLength: 2 }),
      );
      const row = fc.dictionary(
        fc.constantFrom('text', 'prompt', 'label', 'chosen', 'rejected', 'toxicity', 'id', '__proto__'),
        value,
      );
      await fc.assert(
        fc.asyncProperty(fc.array(row, { maxLength: 4 }), async (rows) => {
          await readEverywhere(rows.map((each) => `${JSON.stringify(each)}\n`).join(''));
          await readEverywhere(JSON.stringify(rows));
        }),
        settingsFor(1 / 8),
      );
    },
    timeoutMs,
  );

  it(
    'of Parquet with changed bytes, or cut, end in rows or a message',
    async () => {
      const codecs = ['none', 'snappy', 'zstd', 'gzip', 'brotli', 'lz4'] as const;
      const change = fc.record({
        codec: fc.constantFrom(...codecs),
        at: fc.array(fc.tuple(fc.double({ min: 0, max: 0.999999, noNaN: true }), fc.nat(255)), { maxLength: 4 }),
        length: fc.double({ min: 0.5, max: 1, noNaN: true }),
        isCut: fc.boolean(),
      });
      await fc.assert(
        fc.asyncProperty(change, async ({ codec, at, length, isCut }) => {
          const bytes = readFileSync(join(import.meta.dirname, `../golden/tables/${codec}.parquet`));
          for (const [place, byte] of at) bytes[Math.floor(place * bytes.length)] = byte;
          const path = file('p.parquet', isCut ? bytes.subarray(0, Math.floor(length * bytes.length)) : bytes);
          await valueOrMessage(() => valuesOf(path));
        }),
        settingsFor(),
      );
    },
    timeoutMs,
  );
});
