import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openStream, streamKey } from '../base/random.js';
import { createBootstrap, quantile, summarise } from './bootstrap.js';
import { differenceRange, studentQuantile, unitRange } from './smallSamples.js';
import { wilson, wilsonAround } from './wilson.js';

const options = { stream: streamKey(0, 'bootstrap') };

const wilsonBounds = (share: number, n: number): { readonly low: number; readonly high: number } => {
  const { low, high } = wilsonAround(share, n);
  return { low, high };
};

describe('bootstrap', () => {
  it('estimates the mean of all values, not the mean of prompt means: (1 + 1 + 1 + 5) / 4 = 2', () => {
    expect(summarise([[1, 1, 1], [5]], 'harm', options)).toMatchObject({ mean: 2, min: 1, max: 5, n: 4, unit: 'harm' });
  });

  it('averages: half of the turns failing is 0.5, not 1 (any) and not 0 (all)', () => {
    expect(
      summarise(
        [
          [1, 0],
          [0, 1],
        ],
        'share',
        options,
      ).mean,
    ).toBe(0.5);
  });

  it('leaves nulls out of the mean and of n, and gives nulls when nothing is left', () => {
    expect(summarise([[null, 2], [null], [4]], 'x', options)).toMatchObject({ mean: 3, n: 2 });
    expect(summarise([[null], []], 'x', options)).toEqual({
      mean: null,
      low: null,
      high: null,
      min: null,
      max: null,
      n: 0,
      unit: 'x',
    });
  });

  it('refuses NaN and infinities instead of averaging them', () => {
    expect(() => summarise([[NaN]], 'x', options)).toThrow(/finite/u);
    expect(() => summarise([[Infinity]], 'x', options)).toThrow(/finite/u);
  });

  it('encloses the mean by bounds within the range of prompt means', () => {
    const values = fc.array(fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 1, maxLength: 4 }), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(values, fc.integer(), (rows, seed) => {
        const { mean, low, high, min, max } = summarise(rows, 'x', {
          stream: streamKey(seed, 'bootstrap'),
          resamples: 200,
        });
        if (mean === null || min === null || max === null) throw new Error('values were given');
        if (low === null || high === null || rows.length < 5) return; // All alike, or few: not the bootstrap's own.
        // 1e-9: rounding of sums taken in another order.
        expect(low).toBeLessThanOrEqual(high);
        expect(low).toBeGreaterThanOrEqual(min - 1e-9);
        expect(high).toBeLessThanOrEqual(max + 1e-9);
      }),
    );
  });

  it('resamples prompts: repeating each value within its prompt leaves the interval as it was, new prompts narrow it', () => {
    const draw = openStream(streamKey(1, 'values'));
    const values = Array.from({ length: 30 }, () => draw.uniform());
    const single = summarise(
      values.map((v) => [v]),
      'x',
      options,
    );
    const repeated = summarise(
      values.map((v) => [v, v, v]),
      'x',
      options,
    );
    const widthOf = (summary: typeof single): number => (summary.high ?? NaN) - (summary.low ?? NaN);
    expect(widthOf(repeated)).toBeCloseTo(widthOf(single), 9);
    const independent = summarise(
      [...values, ...values, ...values].map((v) => [v]),
      'x',
      options,
    );
    expect(widthOf(independent)).toBeLessThan(0.8 * widthOf(single)); // expected 1 / √3 = 0.58
  });

  it('covers the true mean about 95 times in 100 (30 prompts of correlated turns; percentile intervals run slightly narrow)', () => {
    let covered = 0;
    for (let trial = 0; trial < 300; trial++) {
      const draw = openStream(streamKey(trial, 'coverage'));
      const rows = Array.from({ length: 30 }, () => {
        const centre = draw.normal();
        return [0, 1, 2].map(() => centre + 0.3 * draw.normal());
      });
      const { low, high } = summarise(rows, 'x', { stream: streamKey(trial, 'bootstrap'), resamples: 300 });
      if ((low ?? 0) <= 0 && (high ?? 0) >= 0) covered++;
    }
    expect(covered / 300).toBeGreaterThan(0.89); // 300 trials: standard error 0.013
    expect(covered / 300).toBeLessThan(0.98);
  });

  it('gives the same interval for the same seed, another for another seed; seed 0 is a seed', () => {
    const rows = Array.from({ length: 20 }, (_, i) => [i, i * i]);
    const at = (seed: number): unknown => summarise(rows, 'x', { stream: streamKey(seed, 'bootstrap') });
    expect(at(0)).toEqual(at(0));
    expect(at(0)).not.toEqual(at(1));
  });

  it('compares two rows on the same prompts: a constant difference has no spread however noisy the prompts', () => {
    const a = [[1], [5], [9], [100]];
    const b = a.map((row) => row.map((v) => v - 0.25));
    const difference = createBootstrap(options).compare(a, b, 'harm');
    expect(difference).toMatchObject({ mean: 0.25, n: 4, unit: 'harm' });
    expect([difference.low, difference.high]).toEqual([null, null]);
    // Within [−1, 1], of four alike: at most 1 − 0.025^(1/4) = 0.602 of all prompts differ (Clopper and Pearson).
    const bounded = createBootstrap(options).compare(a, b, 'harm', differenceRange);
    expect(bounded.low).toBeCloseTo(0.25 - 0.60236 * 1.25, 4);
    expect(bounded.high).toBeCloseTo(0.25 + 0.60236 * 0.75, 4);
  });

  it('claims no certainty from values alike: Wilson of as many trials where they are shares, else no interval', () => {
    const { low, high } = wilson(2, 2);
    expect(summarise([[1], [1, 1]], 'harm', options, unitRange)).toMatchObject({ mean: 1, low, high, n: 3 });
    expect(low).toBeCloseTo(0.3424, 4);
    expect(summarise([[0.4]], 'harm', options, unitRange)).toMatchObject(wilsonBounds(0.4, 1));
    expect(summarise([[24], [24]], 'tokens', options)).toMatchObject({ mean: 24, low: null, high: null });
    expect(summarise([[3, 5]], 'tokens', options)).toMatchObject({ mean: 4, low: null, high: null, min: 3, max: 5 });
  });

  it('of fewer than five prompts is as wide as Student’s t or Wilson allow, of five the bootstrap’s', () => {
    // Two prompts, 1 and 3: mean 2, standard error 1, t = 12.706.
    const two = summarise([[1], [3]], 'nats/token', options);
    expect(two.low).toBeCloseTo(2 - 12.7062, 3);
    expect(two.high).toBeCloseTo(2 + 12.7062, 3);
    expect(summarise([[0.9], [0.91]], 'harm', options, unitRange)).toMatchObject(wilsonBounds(0.905, 2));
    expect(summarise([[1], [2], [3], [4], [5]], 'x', options).low).toBeGreaterThan(1);
    for (const [degrees, t] of [
      [1, 12.7062],
      [2, 4.3027],
      [3, 3.1824],
    ] as const)
      expect(studentQuantile(0.975, degrees)).toBeCloseTo(t, 4);
  });

  it('covers the mean of small samples of failures in at least 93% of all trials, over all rates', () => {
    const draw = openStream(streamKey(3, 'coverage of small samples'));
    for (const prompts of [1, 2, 3, 4, 6]) {
      let covered = 0;
      for (let trial = 0; trial < 400; trial++) {
        const rate = draw.uniform();
        const rows = Array.from({ length: prompts }, () => [Number(draw.uniform() < rate)]);
        const { low, high } = summarise(rows, 'harm', { stream: streamKey(trial, 'b'), resamples: 200 }, unitRange);
        if (low !== null && high !== null && low <= rate && high >= rate) covered++;
      }
      expect(covered / 400, `${String(prompts)} prompts`).toBeGreaterThan(0.93);
    }
  });

  it('of 30,000 prompts is as wide as the standard error says, from blocks, in the same draws for the same seed', () => {
    const draw = openStream(streamKey(4, 'many prompts'));
    const rows = Array.from({ length: 30_000 }, () => [draw.uniform()]);
    const { mean, low, high } = summarise(rows, 'x', options);
    const half = 1.96 * Math.sqrt(1 / 12 / 30_000);
    // The width of 1000 resamples is known to about 4%, that of 4,000 blocks to 1.1%.
    expect(((high ?? 0) - (low ?? 0)) / (2 * half)).toBeGreaterThan(0.88);
    expect(((high ?? 0) - (low ?? 0)) / (2 * half)).toBeLessThan(1.12);
    expect(Math.abs((mean ?? 0) - 0.5)).toBeLessThan(4 * half);
    expect(summarise(rows, 'x', options)).toEqual(summarise(rows, 'x', options));
  });

  it('takes quantiles as numpy does: np.quantile([1, 2, 4, 8], [0, .1, .5, .9, 1]) = [1, 1.3, 3, 6.8, 8]', () => {
    const expected = [1, 1.3, 3, 6.8, 8];
    for (const [i, p] of [0, 0.1, 0.5, 0.9, 1].entries())
      expect(quantile([1, 2, 4, 8], p)).toBeCloseTo(expected[i] ?? NaN, 12);
  });
});
