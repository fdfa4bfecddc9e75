import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { jsonText } from '../base/json.js';
import { newSweepFile, readSweepFile, type SweepFile, sweepFileName, writeSweepFile } from './sweepFile.js';

const file: SweepFile = {
  ...newSweepFile(
    {
      keys: [{ key: 'seed', label: 'seed', path: ['seed'] }],
      points: [{ number: 1, name: '01-seed=0', values: { seed: 0 }, loaded: { configuration: { seed: 0 } } }],
      base: { configuration: {}, source: { file: null, folder: '/' }, recipe: { name: 'test' } },
    },
    '2026-01-01T00:00:00.000Z',
  ),
  tables: [
    {
      id: 'rows j',
      title: 'rows',
      rowIs: 'adversary',
      rows: [
        {
          point: 1,
          values: { seed: 0 },
          name: 'ipo',
          metrics: { replyHarm: { mean: 1, low: 0, high: 1, n: 2, unit: 'harm' } },
        },
      ],
    },
  ],
};
const holding = (content: unknown): string => {
  const folder = mkdtempSync(join(tmpdir(), 'gadfly-sweep-'));
  writeFileSync(join(folder, sweepFileName), jsonText(content));
  return folder;
};

describe('sweep.json', () => {
  it('is read back as it was written, with keys that this version does not know', () => {
    const folder = holding({});
    writeSweepFile(folder, file);
    expect(readSweepFile(folder)).toEqual(file);
    expect(readSweepFile(holding({ ...file, later: 1 }))).toEqual({ ...file, later: 1 });
  });

  it('of a newer version says so before anything else, with its place and the remedy', () => {
    const folder = holding({ schema: 2, points: 'elsewhere' });
    expect(() => readSweepFile(folder)).toThrow(
      `${join(folder, sweepFileName)}: this sweep was written by a newer version of gadfly\n  expected: "schema": 1\n  got:      "schema": 2\n  remedy:   Update gadfly to read it.`,
    );
  });

  it.each([
    [{ ...file, schema: undefined }, 'this is not a sweep of gadfly'],
    [{ ...file, status: 'pending' }, 'at status'],
    [{ ...file, points: [{ ...file.points[0], values: [] }] }, 'an object at points[0].values'],
    [{ ...file, tables: [{ ...file.tables[0], rows: [{}] }] }, 'a number at tables[0].rows[0].point'],
  ])('that is damaged is refused with the key: %#', (content, message) => {
    expect(() => readSweepFile(holding(content))).toThrow(message);
  });
});
