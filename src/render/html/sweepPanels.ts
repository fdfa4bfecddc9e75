/** From a sweep's table to its pictures: which swept key runs along the axis, which makes the lines, which the panels.
 *  Points that differ in their seed alone are one point. Pure. */
import type { JsonObject, JsonValue } from '../../base/json.js';
import type { SweptKey } from '../../report/sweepFile.js';
import { joinRepeats, type RepeatedRow, type SweepTable, valueLabel } from '../../report/sweepTables.js';

export interface PanelPoint {
  /** Index into the axis' values. */
  readonly at: number;
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  readonly seeds: number;
}

export interface PanelSeries {
  readonly name: string;
  readonly style: number;
  readonly points: readonly PanelPoint[];
}

export interface Panel {
  /** It is null where there is one panel only. */
  readonly title: string | null;
  readonly series: readonly PanelSeries[];
}

export interface Axis {
  readonly kind: 'number' | 'category';
  readonly label: string;
  /** Numbers in ascending order, categories in order of appearance. */
  readonly values: readonly JsonValue[];
}

/** The meaning of the whiskers. */
export type Spread = 'interval' | 'seeds' | 'mixed';

export interface SweepPicture {
  readonly metric: string;
  readonly axis: Axis;
  readonly panels: readonly Panel[];
  /** The lines stand for the rows, or for the values of a second key. */
  readonly lines: readonly { readonly name: string; readonly style: number }[];
  readonly spread: Spread;
}

/** Metrics with a picture, where they exist. */
const pictured = [
  'replyFailureRate',
  'replyHarm',
  'adversaryNll',
  'evasiveness',
  'coherence',
  'ordinaryNllChange',
  'choiceAccuracy',
];

export function sweepPictures(
  table: SweepTable,
  keys: readonly SweptKey[],
  seedKey: string | null,
): readonly SweepPicture[] {
  const rows = joinRepeats(table.rows, seedKey);
  const axes = keys
    .filter(({ key }) => key !== seedKey)
    .map((key) => axisOf(key, rows))
    .filter(({ axis }) => axis.values.length > 1);
  return pictured
    .filter((metric) => rows.some(({ metrics }) => metrics[metric] !== undefined))
    .map((metric) => pictureOf(metric, rows, axes, table.rowIs));
}

interface KeyAxis {
  readonly key: string;
  readonly axis: Axis;
}

function axisOf({ key, label }: SweptKey, rows: readonly RepeatedRow[]): KeyAxis {
  const distinct = new Map(rows.map(({ values }) => [JSON.stringify(values[key] ?? null), values[key] ?? null]));
  const values = [...distinct.values()];
  const isNumeric = values.every((value) => typeof value === 'number');
  return {
    key,
    axis: {
      kind: isNumeric ? 'number' : 'category',
      label,
      values: isNumeric ? [...values].sort((a, b) => Number(a) - Number(b)) : values,
    },
  };
}

function pictureOf(metric: string, all: readonly RepeatedRow[], axes: readonly KeyAxis[], rowIs: string): SweepPicture {
  const rows = all.filter(({ metrics }) => metrics[metric] !== undefined);
  const names = [...new Set(rows.map(({ name }) => name))];
  const single = rows.filter((row) => row.single !== null).length;
  const spread = single === rows.length ? 'interval' : single === 0 ? 'seeds' : 'mixed';
  const numeric = axes.filter(({ axis }) => axis.kind === 'number');
  const x = longest(numeric) ?? axes[0];
  if (x === undefined) {
    const axis: Axis = { kind: 'category', label: rowIs, values: names };
    const series = names.map((name, style) => ({
      name,
      style,
      points: rows.filter((row) => row.name === name).map((row) => pointOf(row, metric, style)),
    }));
    return { metric, axis, panels: [{ title: null, series }], lines: [], spread };
  }
  const at = (row: RepeatedRow): number => indexOf(x, row.values);
  const points = (own: readonly RepeatedRow[]): readonly PanelPoint[] =>
    own.map((row) => pointOf(row, metric, at(row))).sort((a, b) => a.at - b.at);
  const others = axes.filter((each) => each !== x);
  const second = longest(others);
  if (second === undefined) {
    const series = names.map((name, style) => ({
      name,
      style,
      points: points(rows.filter((row) => row.name === name)),
    }));
    return { metric, axis: x.axis, panels: [{ title: null, series }], lines: series, spread };
  }
  const rest = others.filter((each) => each !== second);
  const lines = second.axis.values.map((value, style) => ({
    name: `${second.axis.label} ${valueLabel(value)}`,
    style,
  }));
  const panels = new Map<string, RepeatedRow[]>();
  for (const row of rows) {
    const title = [row.name, ...rest.map(({ key, axis }) => `${axis.label} ${valueLabel(row.values[key])}`)].join(', ');
    panels.set(title, [...(panels.get(title) ?? []), row]);
  }
  return {
    metric,
    axis: x.axis,
    lines,
    spread,
    panels: [...panels].map(([title, own]) => {
      const series = lines.map((line) => ({
        ...line,
        points: points(own.filter((row) => indexOf(second, row.values) === line.style)),
      }));
      return { title, series: series.filter((each) => each.points.length > 0) };
    }),
  };
}

/** The axis with the most values, the first of equals. */
function longest(axes: readonly KeyAxis[]): KeyAxis | undefined {
  return axes.reduce<KeyAxis | undefined>(
    (best, each) => (best === undefined || each.axis.values.length > best.axis.values.length ? each : best),
    undefined,
  );
}

function indexOf({ key, axis }: KeyAxis, values: JsonObject): number {
  const wanted = JSON.stringify(values[key] ?? null);
  return axis.values.findIndex((value) => JSON.stringify(value) === wanted);
}

function pointOf({ metrics, single }: RepeatedRow, metric: string, at: number): PanelPoint {
  const { mean, least, most, seeds } = metrics[metric] ?? { mean: 0, least: 0, most: 0, seeds: 0 }; // Rows without the metric were left out before.
  const own = single?.metrics[metric];
  return { at, mean, seeds, low: own?.low ?? least, high: own?.high ?? most };
}

/** Whether values stand so unevenly that a true scale would crowd them: then they are spaced evenly. */
export function isCrowded(values: readonly number[]): boolean {
  const gaps = values.slice(1).map((value, i) => value - (values[i] ?? 0));
  return gaps.length > 1 && Math.max(...gaps) > 6 * Math.min(...gaps);
}
