import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cohenKappa, fleissKappa, krippendorffAlpha } from './agreement.js';

interface Case {
  readonly labels: readonly (readonly (string | null)[])[];
  readonly cohen: number | null;
  readonly fleiss: number | null;
  readonly alpha: number | null;
}

const golden = new URL('../../tests/golden/agreement/coefficients.json', import.meta.url);
const cases = JSON.parse(readFileSync(golden, 'utf8')) as readonly Case[];

const given = (labels: readonly (string | null)[]): readonly string[] => labels.filter((label) => label !== null);

function expectClose(actual: number | null, expected: number | null): void {
  if (expected === null || actual === null) expect(actual).toBe(expected);
  else expect(actual).toBeCloseTo(expected, 12);
}

describe('agreement', () => {
  it("equals scikit-learn's, statsmodels' and krippendorff's coefficients, labels missing or not", () => {
    expect(cases.length).toBeGreaterThan(5);
    for (const { labels, cohen, fleiss, alpha } of cases) {
      const column = (k: number): (string | null)[] => labels.map((row) => row[k] ?? null);
      expectClose(cohenKappa(column(0), column(1)), cohen);
      expectClose(fleissKappa(labels.map(given).filter(({ length }) => length === labels[0]?.length)), fleiss);
      expectClose(krippendorffAlpha(labels.map(given)), alpha);
    }
  });

  it("is 0.743 for Krippendorff's published example of 12 items, 4 labellers and missing labels", () => {
    // Krippendorff 2011, example C, labels per unit: the last has one label and does not count.
    const units = ['111', '2232', '3333', '3333', '2222', '1234', '4444', '1121', '2222', '555', '11', '3'];
    const published = units.map((unit) => unit.split(''));
    expect(krippendorffAlpha(published)).toBeCloseTo(0.743, 3);
  });

  it('is null where nothing can be disagreed about', () => {
    expect(cohenKappa([], [])).toBeNull();
    expect(cohenKappa(['a', null], [null, 'a'])).toBeNull();
    expect(cohenKappa(['a', 'a'], ['a', 'a'])).toBeNull();
    expect(fleissKappa([])).toBeNull();
    expect(fleissKappa([['a'], ['b']])).toBeNull();
    expect(fleissKappa([['a', 'a']])).toBeNull();
    expect(fleissKappa([['a', 'b'], ['a']])).toBeNull();
    expect(krippendorffAlpha([['a'], ['b']])).toBeNull();
    expect(krippendorffAlpha([['a', 'a'], ['b']])).toBeNull();
  });

  it('is 0 when one labeller gives one class only, and below 0 for labels that always differ', () => {
    expect(cohenKappa(['a', 'a'], ['a', 'b'])).toBe(0);
    expect(cohenKappa(['a', 'b'], ['b', 'a'])).toBe(-1);
    expect(
      fleissKappa([
        ['a', 'b'],
        ['b', 'a'],
      ]),
    ).toBe(-1);
    // Four labels: observed disagreement 4 of 4, expected (16 − 8) / 3.
    expect(
      krippendorffAlpha([
        ['a', 'b'],
        ['b', 'a'],
      ]),
    ).toBeCloseTo(-0.5, 12);
  });
});
