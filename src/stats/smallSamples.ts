/** Intervals of samples from which a bootstrap cannot tell enough. Where all clusters say the same it has no width,
 *  which would claim certainty after two texts; of fewer than five clusters it lies between the least and the greatest,
 *  which holds the mean of a symmetric distribution in 1 − 2^(1−n) of all cases: 50% for two, 87.5% for four. */
import { invariant } from '../base/invariant.js';
import { wilsonAround } from './wilson.js';

/** Least and greatest possible value. */
export interface ValueRange {
  readonly least: number;
  readonly greatest: number;
}

export const unitRange: ValueRange = { least: 0, greatest: 1 };

/** Range of a difference of two shares. */
export const differenceRange: ValueRange = { least: -1, greatest: 1 };

export interface Bounds {
  readonly low: number | null;
  readonly high: number | null;
}

/** Whether resamples of a figure differ by no more than rounding. */
export function isAlike(low: number, high: number): boolean {
  return high - low <= 1e-12 * Math.max(1, Math.abs(low), Math.abs(high));
}

/** Interval of the mean of n clusters that are all `value`. Shares get Wilson's for n trials, which is as wide as or
 *  wider than that of any values in [0, 1] with this mean. Other ranges: with probability 1 − α/2 at most
 *  1 − (α/2)^(1/n) of the population differ (Clopper & Pearson 1934 for 0 of n), on either side by as much as the range
 *  allows.
 *  @param range null where none is known: no interval */
export function alikeBounds(value: number, n: number, range: ValueRange | null, level = 0.95): Bounds {
  invariant(Number.isInteger(n) && n >= 1, 'an interval is of at least one cluster');
  if (range === null) return { low: null, high: null };
  if (range.least === 0 && range.greatest === 1) {
    const { low, high } = wilsonAround(value, n, level);
    return { low, high };
  }
  const others = 1 - ((1 - level) / 2) ** (1 / n);
  return {
    low: value - others * (value - range.least),
    high: value + others * (range.greatest - value),
  };
}

/** Number of clusters below which the percentile bootstrap cannot reach 95%. */
export const fewClusters = 5;

/** Widens the bootstrap's interval of a mean over few clusters: shares to Wilson's for as many trials, other values to
 *  Student's t over the clusters, both held inside the range.
 *  @param standardError of the mean, by clusters */
export function widened(
  bounds: { readonly low: number; readonly high: number },
  sample: { readonly mean: number; readonly clusters: number; readonly standardError: number },
  range: ValueRange | null,
  level = 0.95,
): { readonly low: number; readonly high: number } {
  const { mean, clusters, standardError } = sample;
  const half = studentQuantile((1 + level) / 2, clusters - 1) * standardError;
  const wide =
    range !== null && range.least === 0 && range.greatest === 1
      ? wilsonAround(mean, clusters, level)
      : {
          low: Math.max(mean - half, range?.least ?? -Infinity),
          high: Math.min(mean + half, range?.greatest ?? Infinity),
        };
  return { low: Math.min(bounds.low, wide.low), high: Math.max(bounds.high, wide.high) };
}

/** Quantile of Student's t by bisection of its distribution function, in closed form for 1, 2 and 3 degrees of freedom.
 *  @param p in (0.5, 1)
 *  @source Abramowitz & Stegun 26.7.3 and 26.7.4 */
export function studentQuantile(p: number, degrees: number): number {
  invariant(p > 0.5 && p < 1 && [1, 2, 3].includes(degrees), 'a quantile of few clusters, above the median');
  const share = (t: number): number => {
    if (degrees === 2) return 0.5 + t / (2 * Math.sqrt(2 + t * t));
    const x = t / Math.sqrt(degrees);
    return 0.5 + (Math.atan(x) + (degrees === 3 ? x / (1 + x * x) : 0)) / Math.PI;
  };
  let [low, high] = [0, 1];
  while (share(high) < p) high *= 2;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (share(middle) < p) low = middle;
    else high = middle;
  }
  return high;
}
