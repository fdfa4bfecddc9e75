import { describe, expect, it } from 'vitest';
import type { Report } from './report.js';
import { intervalUnit, sweepTables } from './sweepTables.js';

const report = (unit: Pick<Report, 'groupBy'>): Report => ({
  schema: 1,
  run: {},
  ...unit,
  rows: [{ name: 'ipo', attack: 'ipo', target: 't', judge: 'letters', dialogues: 1, turns: 1, metrics: {} }],
  samples: [],
});

describe('tables of a sweep', () => {
  it('keep intervals by prompt and by conversation in tables of their own, which say the unit', () => {
    const units: readonly Pick<Report, 'groupBy'>[] = [{}, { groupBy: 'conversation' }, {}];
    const tables = sweepTables(units.map((unit, number) => ({ number, values: {}, report: report(unit) })));
    expect(tables.map(({ id, groupBy, rows }) => [id, groupBy, rows.map(({ point }) => point)])).toEqual([
      ['rows letters', undefined, [0, 2]],
      ['rows letters by conversation', 'conversation', [1]],
    ]);
    expect(intervalUnit(tables.slice(0, 1))).toBe('prompt');
    expect(intervalUnit(tables)).toBe('conversation or prompt');
  });
});
