import { describe, expect, it } from 'vitest';
import { openStream, streamKey } from '../base/random.js';
import { bettingHigh, dialoguesForBound, empiricalBernsteinHigh } from './boundedMean.js';
import { clopperPearsonHigh } from './clopperPearson.js';

/** Ones, spread evenly among zeros. */
function rare(ones: number, n: number): number[] {
  const values = new Array<number>(n).fill(0);
  for (let k = 0; k < ones; k++) values[Math.floor(((k + 0.5) * n) / ones)] = 1;
  return values;
}

/** Share of `runs` samples whose bound lies under the true mean. */
function missed(
  bound: (values: readonly number[]) => number,
  draw: () => number,
  { n, mean, runs }: { readonly n: number; readonly mean: number; readonly runs: number },
): number {
  let count = 0;
  for (let run = 0; run < runs; run++) if (bound(Array.from({ length: n }, draw)) < mean) count++;
  return count / runs;
}

describe('the betting bound', () => {
  it('lies between the exact one for zeros alone, and that for half of the error', () => {
    for (const n of [1, 10, 1000, 20_000]) {
      const bound = bettingHigh(new Float64Array(n));
      expect(bound).toBeGreaterThanOrEqual(1 - 0.05 ** (1 / n) - 1e-9);
      expect(bound).toBeLessThanOrEqual(1 - 0.025 ** (1 / n) + 1e-9);
    }
  });

  it('is never below the exact limit of zeros and ones, and at most 1.7 times as high', () => {
    for (const [ones, n] of [
      [1, 2000],
      [5, 2000],
      [50, 2000],
      [1000, 2000],
    ] as const) {
      const exact = clopperPearsonHigh(ones, n);
      const bound = bettingHigh(rare(ones, n));
      expect(bound).toBeGreaterThan(exact);
      expect(bound).toBeLessThan(1.7 * exact);
    }
  });

  it('is close to the mean for small values, where the exact limit of ones could not be', () => {
    // 5,000 values of which one in twenty is 0.01: mean 5e-4. Ones of that mean would give 1.1e-3 at best.
    const values = rare(250, 5000).map((one) => 0.01 * one);
    expect(bettingHigh(values)).toBeLessThan(1.3e-3);
    expect(bettingHigh(values)).toBeGreaterThan(5e-4);
  });

  it('is 1 where every value is 1', () => {
    expect(bettingHigh([1, 1, 1])).toBeCloseTo(1, 6);
  });

  it('misses the mean in at most 5% of samples: rare ones, weights, and a uniform distribution', () => {
    const stream = openStream(streamKey(0, 'test'));
    const cases = [
      { n: 300, mean: 0.01, draw: () => Number(stream.uniform() < 0.01) },
      { n: 100, mean: 0.03 * 0.5 + 0.2 * 0.02, draw: () => weightLike(stream.uniform()) },
      { n: 30, mean: 0.5, draw: () => stream.uniform() },
    ];
    // 0.05 and three standard errors of a share over 1,000 runs.
    for (const { n, mean, draw } of cases) {
      expect(missed((values) => bettingHigh(values), draw, { n, mean, runs: 1000 })).toBeLessThanOrEqual(0.071);
      expect(missed((values) => empiricalBernsteinHigh(values), draw, { n, mean, runs: 1000 })).toBeLessThanOrEqual(
        0.071,
      );
    }
  });

  it('is mostly lower than the empirical Bernstein bound, which holds as well', () => {
    const values = rare(5, 2000);
    expect(empiricalBernsteinHigh(values)).toBeGreaterThan(clopperPearsonHigh(5, 2000));
    expect(bettingHigh(values)).toBeLessThan(empiricalBernsteinHigh(values));
  });
});

it('says how many zeros a bound needs: that many reach it, a quarter fewer do not', () => {
  const n = dialoguesForBound(1e-3, 1);
  expect(n).toBe(Math.ceil(Math.log(0.025) / Math.log(0.999)));
  expect(bettingHigh(new Float64Array(n))).toBeLessThanOrEqual(1e-3);
  expect(bettingHigh(new Float64Array(Math.floor(0.75 * n)))).toBeGreaterThan(1e-3);
});

/** Half a weight of 0.5 with probability 0.03, of 0.02 with probability 0.2, else 0. */
function weightLike(u: number): number {
  return u < 0.03 ? 0.5 : u < 0.23 ? 0.02 : 0;
}
