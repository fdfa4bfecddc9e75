/** Percentile bootstrap that resamples clusters, not values: the turns of a dialogue and the dialogues of a prompt are
 *  correlated, so a prompt is drawn with all of its values (Efron 1979; cluster bootstrap as in Davison & Hinkley 1997,
 *  section 3.8). The estimate is the mean over all values, not a mean of cluster means. */
import { sumOf } from '../base/sums.js';
import { invariant, present } from '../base/invariant.js';
import type { StreamKey } from '../base/random.js';
import { type Resamples, resamplesOf, sumsByUnit } from './resampling.js';
import { alikeBounds, type Bounds, fewClusters, isAlike, type ValueRange, widened } from './smallSamples.js';

export interface Summary {
  /** Is null when there is no value. */
  readonly mean: number | null;
  /** Bounds of the interval (95% by default); null when there is no value, and where all clusters say the same of a
   *  quantity whose range is not known: nothing can be said of its spread then. */
  readonly low: number | null;
  readonly high: number | null;
  readonly min: number | null;
  readonly max: number | null;
  /** Values in the mean. */
  readonly n: number;
  /** Unit of the value, such as 'nats/token'. */
  readonly unit: string;
}

export interface BootstrapOptions {
  readonly stream: StreamKey;
  /** Default 1000. */
  readonly resamples?: number;
  /** Share of the resampled means inside the interval, in (0, 1); default 0.95. */
  readonly level?: number;
}

/** Summaries that share their resamples: one prepared table of draws serves every quantity measured on the same
 *  prompts. */
export interface Bootstrap {
  /** @param valuesByPrompt finite values, one list per prompt; null marks what is unscored and is left out
   *  @param range of the values, where it is known: it gives an interval when all prompts say the same
   *  @throws invariant error for NaN and infinities */
  readonly summarise: (
    valuesByPrompt: readonly (readonly (number | null)[])[],
    unit: string,
    range?: ValueRange | null,
  ) => Summary;
  /** Mean of `a` minus mean of `b` on the same prompts in the same order, each resample taking both: a comparison of
   *  two rows of a report. `n` counts the prompts with values on both sides; a difference of means has no min and max.
   *  @param range of the difference */
  readonly compare: (
    a: readonly (readonly (number | null)[])[],
    b: readonly (readonly (number | null)[])[],
    unit: string,
    range?: ValueRange | null,
  ) => Summary;
}

export function createBootstrap({ stream, resamples = 1000, level = 0.95 }: BootstrapOptions): Bootstrap {
  invariant(Number.isInteger(resamples) && resamples >= 1, 'a bootstrap has at least one resample');
  invariant(level > 0 && level < 1, 'the level of an interval is between 0 and 1');
  const boundsOf = (
    statistics: Float64Array,
    mean: number,
    influence: () => Float64Array,
    range: ValueRange | null,
    clusters: number,
  ): Bounds => {
    const { low, high } = percentiles(statistics, level);
    if (isAlike(low, high)) return alikeBounds(mean, clusters, range, level);
    if (clusters >= fewClusters) return { low, high };
    return widened({ low, high }, { mean, clusters, standardError: standardErrorOf(influence()) }, range, level);
  };
  return {
    summarise: (valuesByPrompt, unit, range = null) => {
      const totals = totalsOf(valuesByPrompt.filter(hasValue));
      const mean = meanOf(totals);
      if (mean === null) return { mean, low: null, high: null, min: null, max: null, n: 0, unit };
      const clusters = totals.sums.length;
      const means = resampledMeans(totals, resamplesOf(stream, clusters, resamples));
      const { low, high } = boundsOf(means, mean, () => influences(totals, mean), range, clusters);
      return { mean, low, high, min: totals.min, max: totals.max, n: sumOf(totals.counts), unit };
    },
    compare: (a, b, unit, range = null) => {
      invariant(a.length === b.length, 'a comparison has the same prompts on both sides');
      const isKnown = a.map((values, i) => hasValue(values) && hasValue(present(b[i], 'values of each prompt')));
      const [as, bs] = [totalsOf(a.filter((_, i) => isKnown[i])), totalsOf(b.filter((_, i) => isKnown[i]))];
      const [meanA, meanB] = [meanOf(as), meanOf(bs)];
      if (meanA === null || meanB === null)
        return { mean: null, low: null, high: null, min: null, max: null, n: 0, unit };
      const clusters = as.sums.length;
      const table = resamplesOf(stream, clusters, resamples);
      const meansB = resampledMeans(bs, table);
      const differences = resampledMeans(as, table).map((mean, k) => mean - (meansB[k] as number)); // One for each resample.
      const influence = (): Float64Array => {
        const ofB = influences(bs, meanB);
        return influences(as, meanA).map((each, i) => each - (ofB[i] as number)); // One for each prompt.
      };
      const { low, high } = boundsOf(differences, meanA - meanB, influence, range, clusters);
      return { mean: meanA - meanB, low, high, min: null, max: null, n: clusters, unit };
    },
  };
}

/** Summarises one quantity on its own. */
export function summarise(
  valuesByPrompt: readonly (readonly (number | null)[])[],
  unit: string,
  options: BootstrapOptions,
  range: ValueRange | null = null,
): Summary {
  return createBootstrap(options).summarise(valuesByPrompt, unit, range);
}

/** Percentile interval of any statistic of n independent items.
 *  @param statistic of the resample that takes item i `counts[i]` times; null where that resample has none (left out)
 *  @returns null when no resample has one */
export function bootstrapInterval(
  n: number,
  statistic: (counts: Int32Array) => number | null,
  { stream, resamples = 1000, level = 0.95 }: BootstrapOptions,
): { readonly low: number; readonly high: number } | null {
  invariant(Number.isInteger(n) && n >= 1, 'a resample is drawn from at least one item');
  const { units, unitOf, draws } = resamplesOf(stream, n, resamples);
  const taken = new Int32Array(units);
  const counts = unitOf === null ? taken : new Int32Array(n);
  const values: number[] = [];
  for (let k = 0; k < resamples; k++) {
    taken.fill(0);
    // Indices are in range: units are drawn below `units`, and each item has one.
    for (let at = k * units; at < (k + 1) * units; at++)
      taken[draws[at] as number] = (taken[draws[at] as number] as number) + 1;
    if (unitOf !== null) for (let i = 0; i < n; i++) counts[i] = taken[unitOf[i] as number] as number;
    const value = statistic(counts);
    if (value !== null) values.push(value);
  }
  return values.length === 0 ? null : percentiles(Float64Array.from(values), level);
}

/** Returns how far each cluster moves the mean over all values (the linear part of a ratio of sums). */
function influences({ sums, counts }: Totals, mean: number): Float64Array {
  const count = sumOf(counts);
  return sums.map((sum, i) => (sum - mean * (counts[i] as number)) / count); // In range.
}

/** Returns the standard error of a sum of these influences, which add up to zero. */
function standardErrorOf(influence: Float64Array): number {
  const n = influence.length;
  return n < 2 ? 0 : Math.sqrt((influence.reduce((sum, each) => sum + each * each, 0) * n) / (n - 1));
}

/** Mean over all values in each resample. Shape [resamples] */
function resampledMeans(totals: Totals, table: Resamples): Float64Array {
  const [sums, counts] = [sumsByUnit(totals.sums, table), sumsByUnit(totals.counts, table)];
  const { draws, units } = table;
  const means = new Float64Array(draws.length / units);
  for (let k = 0; k < means.length; k++) {
    let [sum, count] = [0, 0];
    for (let at = k * units; at < (k + 1) * units; at++) {
      const unit = draws[at] as number; // In range.
      sum += sums[unit] as number;
      count += counts[unit] as number;
    }
    means[k] = sum / count;
  }
  return means;
}

function percentiles(statistics: Float64Array, level: number): { readonly low: number; readonly high: number } {
  const sorted = statistics.toSorted();
  return { low: quantile(sorted, (1 - level) / 2), high: quantile(sorted, (1 + level) / 2) };
}

/** The p-quantile of ascending values by linear interpolation (type 7 of Hyndman & Fan, the default of numpy and R). */
export function quantile(sorted: ArrayLike<number>, p: number): number {
  invariant(sorted.length > 0 && p >= 0 && p <= 1, 'a quantile needs values and p in [0, 1]');
  const at = (sorted.length - 1) * p;
  const below = present(sorted[Math.floor(at)], 'an index inside the array');
  const above = present(sorted[Math.ceil(at)], 'an index inside the array');
  return below + (above - below) * (at - Math.floor(at));
}

/** Sum and number of the values of each cluster, least and greatest of all. */
interface Totals {
  readonly sums: Float64Array;
  readonly counts: Float64Array;
  readonly min: number;
  readonly max: number;
}

function hasValue(values: readonly (number | null)[]): boolean {
  return values.some((value) => value !== null);
}

function totalsOf(clusters: readonly (readonly (number | null)[])[]): Totals {
  const [sums, counts] = [new Float64Array(clusters.length), new Float64Array(clusters.length)];
  let [min, max] = [Infinity, -Infinity];
  for (let i = 0; i < clusters.length; i++) {
    let [sum, count] = [0, 0];
    for (const value of clusters[i] ?? []) {
      if (value === null) continue;
      if (!Number.isFinite(value)) invariant(false, `only finite values are averaged, got ${String(value)}`);
      sum += value;
      count++;
      if (value < min) min = value;
      if (value > max) max = value;
    }
    sums[i] = sum;
    counts[i] = count;
  }
  return { sums, counts, min, max };
}

function meanOf({ sums, counts }: Totals): number | null {
  return sums.length === 0 ? null : sumOf(sums) / sumOf(counts);
}
