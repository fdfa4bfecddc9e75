import { describe, expect, it } from 'vitest';
import type { ReportRow } from './report.js';
import { transferMatrix } from './transferMatrix.js';

const row = (name: string, target: string, mean: number): ReportRow => ({
  name,
  attack: 'none',
  attackKind: 'none',
  target,
  judge: 'j',
  dialogues: 10,
  turns: 1,
  metrics: { replyFailureRate: { mean, low: mean - 0.1, high: mean + 0.1, n: 10, unit: 'share' } },
});

describe('attacks × targets', () => {
  it('has a row per adversary and a column per target; a dash where the two were not played', () => {
    const rows = [row('untuned', 'a', 0.2), row('ctb', 'a', 0.6), row('ctb@second', 'second', 0.4)];
    const matrix = transferMatrix({ rows }, 'j');
    expect(matrix?.columns).toEqual(['a', 'second']);
    expect(matrix?.rows).toEqual([
      { name: 'untuned', cells: ['20.0% [10.0%, 30.0%]', '–'] },
      { name: 'ctb', cells: ['60.0% [50.0%, 70.0%]', '40.0% [30.0%, 50.0%]'] },
    ]);
  });

  it('is not shown for one target, nor of another judge', () => {
    expect(transferMatrix({ rows: [row('untuned', 'a', 0.2), row('ctb', 'a', 0.6)] }, 'j')).toBeNull();
    expect(transferMatrix({ rows: [row('ctb', 'a', 0.2), row('ctb@b', 'b', 0.6)] }, 'other')).toBeNull();
  });
});
