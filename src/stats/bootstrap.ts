/** Percentile bootstrap that resamples clusters, not values: the turns of a dialogue and the dialogues of a prompt are
 *  correlated, so a prompt is drawn with all of its values (Efron 1979; cluster bootstrap as in Davison & Hinkley 1997,
 *  section 3.8). The estimate is the mean over all values, not a mean of cluster means. */
import { invariant, present } from '../base/invariant.js';
import { openStream, type StreamKey } from '../base/random.js';

export interface Summary {
  /** Is null when there is no value. */
  readonly mean: number | null;
  /** Bounds of the interval (95% unless told); null when there is no value. One cluster alone gives low = mean = high.
   */
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
   *  @throws invariant error for NaN and infinities */
  readonly summarise: (valuesByPrompt: readonly (readonly (number | null)[])[], unit: string) => Summary;
  /** Mean of `a` minus mean of `b` on the same prompts in the same order, each resample taking both: a comparison of
   *  two rows of a report. `n` counts the prompts with values on both sides; a difference of means has no min and max.
   */
  readonly compare: (
    a: readonly (readonly (number | null)[])[],
    b: readonly (readonly (number | null)[])[],
    unit: string,
  ) => Summary;
}

export function createBootstrap({ stream, resamples = 1000, level = 0.95 }: BootstrapOptions): Bootstrap {
  invariant(Number.isInteger(resamples) && resamples >= 1, 'a bootstrap has at least one resample');
  invariant(level > 0 && level < 1, 'the level of an interval is between 0 and 1');
  const tables = new Map<number, readonly Int32Array[]>();

  /** Which clusters each resample takes. Draws depend on (stream, number of clusters) alone. */
  const tableFor = (clusters: number): readonly Int32Array[] => {
    const known = tables.get(clusters);
    if (known !== undefined) return known;
    const draw = openStream(stream);
    const table = Array.from({ length: resamples }, () =>
      Int32Array.from({ length: clusters }, () => draw.integer(clusters)),
    );
    tables.set(clusters, table);
    return table;
  };

  const bounds = (statistics: number[]): { low: number; high: number } => {
    const sorted = statistics.sort((x, y) => x - y);
    return { low: quantile(sorted, (1 - level) / 2), high: quantile(sorted, (1 + level) / 2) };
  };

  return {
    summarise: (valuesByPrompt, unit) => {
      const clusters = valuesByPrompt.map(totalOf).filter(({ count }) => count > 0);
      const mean = meanOf(clusters);
      if (mean === null) return { mean, low: null, high: null, min: null, max: null, n: 0, unit };
      const { low, high } = bounds(
        tableFor(clusters.length).map((picks) => present(meanOf(clusters, picks), 'clusters with values')),
      );
      const n = clusters.reduce((sum, { count }) => sum + count, 0);
      const min = clusters.reduce((least, cluster) => Math.min(least, cluster.min), Infinity);
      const max = clusters.reduce((most, cluster) => Math.max(most, cluster.max), -Infinity);
      return { mean, low, high, min, max, n, unit };
    },
    compare: (a, b, unit) => {
      invariant(a.length === b.length, 'a comparison has the same prompts on both sides');
      const sides = a.map((values, i) => ({ a: totalOf(values), b: totalOf(present(b[i], 'values of each prompt')) }));
      const both = sides.filter((side) => side.a.count > 0 && side.b.count > 0);
      const [as, bs] = [both.map((side) => side.a), both.map((side) => side.b)];
      const [meanA, meanB] = [meanOf(as), meanOf(bs)];
      if (meanA === null || meanB === null)
        return { mean: null, low: null, high: null, min: null, max: null, n: 0, unit };
      const differences = tableFor(both.length).map(
        (picks) =>
          present(meanOf(as, picks), 'clusters with values') - present(meanOf(bs, picks), 'clusters with values'),
      );
      const { low, high } = bounds(differences);
      return { mean: meanA - meanB, low, high, min: null, max: null, n: both.length, unit };
    },
  };
}

/** One summary on its own. */
export function summarise(
  valuesByPrompt: readonly (readonly (number | null)[])[],
  unit: string,
  options: BootstrapOptions,
): Summary {
  return createBootstrap(options).summarise(valuesByPrompt, unit);
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
  const draw = openStream(stream);
  const counts = new Int32Array(n);
  const values: number[] = [];
  for (let k = 0; k < resamples; k++) {
    counts.fill(0);
    for (let i = 0; i < n; i++) {
      const taken = draw.integer(n);
      counts[taken] = present(counts[taken], 'a drawn item') + 1;
    }
    const value = statistic(counts);
    if (value !== null) values.push(value);
  }
  if (values.length === 0) return null;
  values.sort((a, b) => a - b);
  return { low: quantile(values, (1 - level) / 2), high: quantile(values, (1 + level) / 2) };
}

/** The p-quantile of ascending values by linear interpolation (type 7 of Hyndman & Fan, the default of numpy and R). */
export function quantile(sorted: readonly number[], p: number): number {
  invariant(sorted.length > 0 && p >= 0 && p <= 1, 'a quantile needs values and p in [0, 1]');
  const at = (sorted.length - 1) * p;
  const below = present(sorted[Math.floor(at)], 'an index inside the array');
  const above = present(sorted[Math.ceil(at)], 'an index inside the array');
  return below + (above - below) * (at - Math.floor(at));
}

interface ClusterTotal {
  readonly sum: number;
  readonly count: number;
  readonly min: number;
  readonly max: number;
}

function totalOf(values: readonly (number | null)[]): ClusterTotal {
  let [sum, count, min, max] = [0, 0, Infinity, -Infinity];
  for (const value of values) {
    if (value === null) continue;
    invariant(Number.isFinite(value), `only finite values are averaged, got ${value}`);
    sum += value;
    count++;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return { sum, count, min, max };
}

function meanOf(clusters: readonly ClusterTotal[], picks?: Int32Array): number | null {
  let [sum, count] = [0, 0];
  const add = (cluster: ClusterTotal): void => {
    sum += cluster.sum;
    count += cluster.count;
  };
  if (picks === undefined) clusters.forEach(add);
  else for (const i of picks) add(present(clusters[i], 'a drawn cluster'));
  return count === 0 ? null : sum / count;
}
