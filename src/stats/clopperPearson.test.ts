import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { clopperPearsonHigh, clopperPearsonLow, incompleteBeta } from './clopperPearson.js';

interface Golden {
  readonly limits: readonly {
    readonly successes: number;
    readonly n: number;
    readonly level: number;
    readonly low: number;
    readonly high: number;
  }[];
  readonly incompleteBeta: readonly {
    readonly x: number;
    readonly a: number;
    readonly b: number;
    readonly value: number;
  }[];
}

const golden = JSON.parse(
  readFileSync(new URL('../../tests/golden/clopperPearson/limits.json', import.meta.url), 'utf8'),
) as Golden;

/** Both are double precision; the sums of logarithms of thousands leave about eleven digits. */
const tolerance = 1e-9;

function expectClose(actual: number, expected: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(tolerance * Math.abs(expected));
}

it("equals scipy's limits, from zero to n successes, up to a million trials", () => {
  expect(golden.limits.length).toBeGreaterThan(40);
  for (const { successes, n, level, low, high } of golden.limits) {
    expectClose(clopperPearsonLow(successes, n, level), low);
    expectClose(clopperPearsonHigh(successes, n, level), high);
  }
});

it("equals scipy's regularised incomplete beta function", () => {
  for (const { x, a, b, value } of golden.incompleteBeta) expectClose(incompleteBeta(x, a, b), value);
});

it('is 1 − (1 − level)^(1/n) for no success, the closed form', () => {
  expect(clopperPearsonHigh(0, 59, 0.95)).toBeCloseTo(1 - 0.05 ** (1 / 59), 13);
  expect(clopperPearsonLow(59, 59, 0.95)).toBeCloseTo(0.05 ** (1 / 59), 13);
});

it('misses the true share in at most 5% of cases, summed over the binomial distribution', () => {
  const [n, p] = [40, 0.1];
  let probability = (1 - p) ** n;
  let missed = 0;
  for (let k = 0; k <= n; k++) {
    if (clopperPearsonHigh(k, n) < p) missed += probability;
    probability *= ((n - k) * p) / ((k + 1) * (1 - p));
  }
  expect(missed).toBeGreaterThan(0);
  expect(missed).toBeLessThanOrEqual(0.05);
});
