/** A report as plain tables, a line per fact, for statistics programs and spreadsheets. */
import type { Columns, ColumnType } from '../../dialogue/plainTable.js';
import { describeMetric } from '../metrics.js';
import type { Metrics, MetricSummary } from '../report.js';

export type Cell = string | number | boolean | null;

export interface Table {
  /** The file's name without its ending. */
  readonly name: string;
  readonly columns: Columns<Readonly<Record<string, Cell>>>;
  readonly rows: readonly Readonly<Record<string, Cell>>[];
}

export function table<K extends string>(
  name: string,
  columns: Readonly<Record<K, ColumnType>>,
  rows: readonly Readonly<Record<K, Cell>>[],
): Table {
  return { name, columns, rows };
}

/** Columns of a metric and its 95% interval, in every table that has metrics. */
export const metricColumns = {
  metric: 'text',
  label: 'text',
  unit: 'text',
  better: 'text',
  mean: 'number',
  low: 'number',
  high: 'number',
  n: 'count',
  min: 'number',
  max: 'number',
} as const satisfies Readonly<Record<string, ColumnType>>;

export type MetricCells = Readonly<Record<keyof typeof metricColumns, Cell>>;

/** Returns a line per metric. */
export function metricCells(metrics: Metrics): readonly MetricCells[] {
  return Object.entries(metrics).map(([metric, { unit, mean, low, high, n, min, max }]) => {
    const { label, better } = describeMetric(metric);
    return { metric, label, unit, better, mean, low, high, n, min: min ?? null, max: max ?? null };
  });
}

/** Columns of the change of a metric; null where there is nothing to compare with. */
export const changeColumns = {
  change: 'number',
  changeLow: 'number',
  changeHigh: 'number',
} as const satisfies Readonly<Record<string, ColumnType>>;

export function changeCells(change: MetricSummary | undefined): Readonly<Record<keyof typeof changeColumns, Cell>> {
  return { change: change?.mean ?? null, changeLow: change?.low ?? null, changeHigh: change?.high ?? null };
}
