import { describe, expect, it } from 'vitest';
import { streamKey } from '../base/random.js';
import { createMetricSummaries, type MetricTable } from './metricTable.js';
import { wilson } from './wilson.js';

interface Row {
  readonly harm: number | null;
  readonly failed: boolean;
}
const table = {
  harm: { unit: 'harm', value: ({ harm }) => harm, isBounded: true },
  failureRate: { unit: 'share', value: ({ failed }) => Number(failed), isRate: true },
  failures: { unit: 'share', value: ({ failed }) => Number(failed) },
} as const satisfies MetricTable<Row>;
const { summarise, compare } = createMetricSummaries({ stream: streamKey(0, 'table'), resamples: 200 });
const rows = (n: number, failed: boolean, harm: number | null = 0.5): readonly (readonly Row[])[] =>
  Array.from({ length: n }, () => [{ harm, failed }]);

describe('a table of metrics', () => {
  it('a difference is the mean after minus the mean before, over prompts with values on both sides', () => {
    const after = [[{ harm: 0.2, failed: false }], [{ harm: 0.4, failed: true }], [{ harm: null, failed: false }]];
    const before = [[{ harm: 0.6, failed: true }], [{ harm: 0.6, failed: true }], [{ harm: 0.9, failed: true }]];
    const { harm, failureRate } = compare(table, after, before);
    expect(harm).toMatchObject({ mean: expect.closeTo(-0.3, 9) as number, n: 2, unit: 'harm' });
    expect(failureRate).toMatchObject({ mean: expect.closeTo(-2 / 3, 9) as number, n: 3 });
    // Two prompts, −0.4 and −0.2: Student's t of one degree of freedom times a standard error of 0.1, inside [−1, 1].
    expect([harm.low, harm.high]).toEqual([-1, expect.closeTo(0.97062, 4)]);
  });

  it('a difference of two rates of 0 is not certain: its bounds are those of Wilson’s intervals', () => {
    const { high } = wilson(0, 40);
    const { failureRate, failures, harm } = compare(table, rows(40, false), rows(40, false));
    expect(failureRate).toMatchObject({
      mean: 0,
      low: expect.closeTo(-high, 9) as number,
      high: expect.closeTo(high, 9) as number,
    });
    expect(failures).toMatchObject({ mean: 0, low: null, high: null }); // A count, not an estimate.
    // Of forty alike at most 1 − 0.025^(1/40) = 0.0881 of all prompts differ, by 1 at most.
    expect(harm).toMatchObject({
      mean: 0,
      low: expect.closeTo(-0.0881, 4) as number,
      high: expect.closeTo(0.0881, 4) as number,
    });
  });

  it('from every failure to none: −1, and at most twice Wilson’s margin (in squares) above', () => {
    const { high } = wilson(0, 40);
    expect(compare(table, rows(40, false), rows(40, true)).failureRate).toMatchObject({
      mean: -1,
      low: -1,
      high: expect.closeTo(-1 + Math.hypot(high, high), 9) as number,
    });
  });

  it('without values there is no figure', () => {
    expect(compare(table, rows(3, false, null), rows(3, false)).harm).toMatchObject({ mean: null, n: 0 });
    expect(compare(table, [], []).failureRate).toMatchObject({ mean: null, n: 0 });
    expect(summarise(table, rows(3, false, null)).harm).toMatchObject({ mean: null, n: 0 });
  });
});
