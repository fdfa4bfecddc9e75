/** A table of metrics over rows of any kind: how each figure is read off a row, its unit, whether it is a rate. Means
 *  with intervals by prompt, and differences of two sets of rows on the same prompts. What is unscored is null and left
 *  out. */
import { differenceRange, unitRange, type ValueRange } from './smallSamples.js';
import { createBootstrap, type BootstrapOptions, type Summary } from './bootstrap.js';
import { wilson } from './wilson.js';

export interface MetricOf<Row> {
  readonly unit: string;
  /** Returns null if the row has no such value. */
  readonly value: (row: Row) => number | null;
  /** Whether it estimates a probability from values 0 and 1: that nothing, or everything, failed does not make it
   *  certain. */
  readonly isRate?: boolean;
  /** Whether its values lie between 0 and 1, as harm does: that gives an interval where all prompts say the same. A
   *  share of what happened in this sample, such as the unscored ones, estimates nothing and is not marked. */
  readonly isBounded?: boolean;
}

export type MetricTable<Row, Name extends string = string> = Readonly<Record<Name, MetricOf<Row>>>;

/** Rows of a prompt, one list per prompt. */
type ByPrompt<T> = readonly (readonly T[])[];

/** Summaries that share their resamples. */
export interface MetricSummaries {
  /** Every metric of the table over all rows. */
  readonly summarise: <Row, Name extends string>(
    table: MetricTable<Row, Name>,
    rowsByPrompt: ByPrompt<Row>,
  ) => Readonly<Record<Name, Summary>>;
  /** Mean over `after` minus mean over `before`, on the same prompts in the same order, each resample taking both
   *  sides. `n` counts the prompts with values on both sides. */
  readonly compare: <Row, Name extends string>(
    table: MetricTable<Row, Name>,
    after: ByPrompt<Row>,
    before: ByPrompt<Row>,
  ) => Readonly<Record<Name, Summary>>;
}

export function createMetricSummaries(options: BootstrapOptions): MetricSummaries {
  const bootstrap = createBootstrap(options);
  const valuesOf = <Row>(rowsByPrompt: ByPrompt<Row>, { value }: MetricOf<Row>): ByPrompt<number | null> =>
    rowsByPrompt.map((rows) => rows.map(value));
  return {
    summarise: (table, rowsByPrompt) =>
      mapTable(table, (metric) =>
        within(
          bootstrap.summarise(valuesOf(rowsByPrompt, metric), metric.unit, isShare(metric) ? unitRange : null),
          unitRange,
        ),
      ),
    compare: (table, after, before) =>
      mapTable(table, (metric) => {
        const [a, b] = [valuesOf(after, metric), valuesOf(before, metric)];
        const difference = within(
          bootstrap.compare(a, b, metric.unit, isShare(metric) ? differenceRange : null),
          differenceRange,
        );
        return metric.isRate === true ? withoutCertainDifference(difference, a, b, options.level) : difference;
      }),
  };
}

function isShare({ isRate = false, isBounded = false }: Pick<MetricOf<never>, 'isRate' | 'isBounded'>): boolean {
  return isRate || isBounded;
}

/** Keeps the interval of a share, which estimates nothing where it counts what happened in this sample, inside what a
 *  share can be. */
function within(summary: Summary, { least, greatest }: ValueRange): Summary {
  const { unit, low, high } = summary;
  if (unit !== 'share') return summary;
  return {
    ...summary,
    low: low === null ? null : Math.max(low, least),
    high: high === null ? null : Math.min(high, greatest),
  };
}

function mapTable<Row, Name extends string>(
  table: MetricTable<Row, Name>,
  each: (metric: MetricOf<Row>) => Summary,
): Readonly<Record<Name, Summary>> {
  const entries = Object.entries<MetricOf<Row>>(table).map(([name, metric]) => [name, each(metric)] as const);
  return Object.fromEntries(entries) as Record<Name, Summary>; // Same keys as the table.
}

/** A bootstrap of equal values has no width: where both rates are 0 or 1 the interval of their difference combines
 *  Wilson's intervals.
 *  @source R. G. Newcombe, Statistics in Medicine 17 (1998) 873–890, method 10; where a rate is 0 or 1 the pairing has
 *    no correlation to add */
function withoutCertainDifference(
  difference: Summary,
  after: ByPrompt<number | null>,
  before: ByPrompt<number | null>,
  level?: number,
): Summary {
  const both = after.flatMap((values, i) => (hasValue(values) && hasValue(before[i] ?? []) ? [i] : []));
  const [a, b] = [constantOf(both.flatMap((i) => after[i] ?? [])), constantOf(both.flatMap((i) => before[i] ?? []))];
  if (difference.mean === null || a === null || b === null) return difference;
  const [rateA, rateB] = [wilson(a * both.length, both.length, level), wilson(b * both.length, both.length, level)];
  return {
    ...difference,
    low: difference.mean - Math.hypot(a - rateA.low, rateB.high - b),
    high: difference.mean + Math.hypot(rateA.high - a, b - rateB.low),
  };
}

function hasValue(values: readonly (number | null)[]): boolean {
  return values.some((value) => value !== null);
}

/** 0 or 1 when every value is that, else null. */
function constantOf(values: readonly (number | null)[]): 0 | 1 | null {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return null;
  if (known.every((value) => value === 0)) return 0;
  return known.every((value) => value === 1) ? 1 : null;
}
