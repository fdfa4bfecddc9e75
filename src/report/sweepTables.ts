/** One table over all points of a sweep: every row of every point's report beside the point's values. Rows are gathered
 *  under the question they answer (an adversary under a judge, a mended model on a set of dialogues, the last round of
 *  a loop). */
import type { JsonObject, JsonValue } from '../base/json.js';
import { formatMetric } from './metrics.js';
import type { LoopEntry, Metrics, MetricSummary, Report } from './report.js';
import { rowLabels } from './search.js';

export interface SweepTable {
  /** Unique in the sweep: 'rows judge', 'mend harmful', 'mend guards', 'loop'. */
  readonly id: string;
  readonly title: string;
  /** A row is an adversary or a model. */
  readonly rowIs: 'adversary' | 'model';
  /** Unit that the intervals resample; absent where it is the prompt. */
  readonly groupBy?: 'conversation';
  readonly rows: readonly SweepRow[];
}

export interface SweepRow {
  /** Number of the point. */
  readonly point: number;
  readonly values: JsonObject;
  readonly name: string;
  readonly metrics: Metrics;
  /** Against the model before mending, on the same dialogues. */
  readonly change?: Metrics;
}

export interface MeasuredPoint {
  readonly number: number;
  readonly values: JsonObject;
  readonly report: Report;
}

export function sweepTables(points: readonly MeasuredPoint[]): readonly SweepTable[] {
  const tables = new Map<string, { readonly table: Omit<SweepTable, 'rows'>; readonly rows: SweepRow[] }>();
  for (const { number, values, report } of points) {
    for (const { row, ...table } of tableEntries(report)) {
      const found = tables.get(table.id) ?? { table, rows: [] };
      found.rows.push({ point: number, values, ...row });
      tables.set(table.id, found);
    }
  }
  return [...tables.values()].map(({ table, rows }) => ({ ...table, rows }));
}

type TableEntry = Omit<SweepTable, 'rows'> & { readonly row: Pick<SweepRow, 'name' | 'metrics' | 'change'> };

function tableEntries(report: Report): readonly TableEntry[] {
  // Points whose intervals are of another unit have a table of their own.
  const { groupBy } = report;
  const [unit, by] = groupBy === undefined ? [{}, ''] : [{ groupBy }, ` by ${groupBy}`];
  const labels = rowLabels(report.rows);
  const rows = report.rows.map(({ name, judge, metrics }, i): TableEntry => ({
    id: `rows ${judge}${by}`,
    title: `Adversaries, judged by ${judge}`,
    rowIs: 'adversary',
    ...unit,
    row: { name: labels[i] ?? name, metrics },
  }));
  const mended = (report.mend ?? []).flatMap(({ stage, sets, guards }): readonly TableEntry[] => [
    ...sets.flatMap(({ set, rows: own }) =>
      own.map(({ model, metrics, change }): TableEntry => ({
        id: `${stage} ${set}`,
        title: `Replies to held-out ${set} dialogues (${stage})`,
        rowIs: 'model',
        row: { name: model, metrics, ...(change === undefined ? {} : { change }) },
      })),
    ),
    ...guards.map(({ model, metrics, change }): TableEntry => ({
      id: `${stage} guards`,
      title: `What mending must not cost (${stage})`,
      rowIs: 'model',
      row: { name: model, ...guardFigures(metrics, change) },
    })),
  ]);
  return [
    ...rows,
    ...mended,
    ...lastRoundEntries(report.loop ?? []).map((entry) => ({ ...entry, id: `${entry.id}${by}`, ...unit })),
  ];
}

/** A relative change is a figure of its own, not the change of one. */
function guardFigures(metrics: Metrics, change: Metrics | undefined): Pick<SweepRow, 'metrics' | 'change'> {
  if (change === undefined) return { metrics };
  const { ordinaryNllChange, ...others } = change;
  return { metrics: ordinaryNllChange === undefined ? metrics : { ...metrics, ordinaryNllChange }, change: others };
}

/** Rounds may differ in number from point to point, so the fresh adversary of the last is one row, whatever its name.
 */
function lastRoundEntries(loop: readonly LoopEntry[]): readonly TableEntry[] {
  const last = Math.max(0, ...loop.map(({ round }) => round));
  return loop
    .filter(({ round }) => round === last)
    .map(({ adversary, fresh, metrics, guards }) => ({
      id: 'loop',
      title: 'After the last round of attack and mending',
      rowIs: 'adversary',
      row: { name: fresh ? 'fresh adversary' : adversary, metrics: { ...metrics, ...guards } },
    }));
}

/** Returns the unit of the tables' intervals in words: 'prompt'; 'conversation', or both where they differ. */
export function intervalUnit(tables: readonly Pick<SweepTable, 'groupBy'>[]): string {
  return [...new Set(tables.map(({ groupBy }) => groupBy ?? 'prompt'))].sort().join(' or ');
}

/** Writes a swept value as people read it: names bare, `{ model: x }` as x, everything else as JSON. */
export function valueLabel(value: JsonValue | undefined): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && 'model' in value && typeof value.model === 'string')
    return value.model;
  return JSON.stringify(value ?? null);
}

/** A metric over repeats that differ in their seed alone. */
export interface SeedSummary {
  readonly mean: number;
  /** The least of the repeats' means. */
  readonly least: number;
  readonly most: number;
  readonly seeds: number;
}

/** Rows of one name and the same values but for the seed. */
export interface RepeatedRow {
  readonly name: string;
  /** Without the seed. */
  readonly values: JsonObject;
  readonly metrics: Readonly<Record<string, SeedSummary>>;
  readonly change: Readonly<Record<string, SeedSummary>>;
  /** The one repeat's own summaries, where there is only one. */
  readonly single: SweepRow | null;
}

/** @param seedKey the swept key that is the seed; null when it is not swept */
export function joinRepeats(rows: readonly SweepRow[], seedKey: string | null): readonly RepeatedRow[] {
  const groups = new Map<string, { readonly values: JsonObject; readonly rows: SweepRow[] }>();
  for (const row of rows) {
    const values = Object.fromEntries(Object.entries(row.values).filter(([key]) => key !== seedKey));
    const id = JSON.stringify([row.name, values]);
    const group = groups.get(id) ?? { values, rows: [] };
    group.rows.push(row);
    groups.set(id, group);
  }
  return [...groups.values()].map(({ values, rows: own }) => ({
    name: own[0]?.name ?? '',
    values,
    metrics: summariseMetrics(own.map(({ metrics }) => metrics)),
    change: summariseMetrics(own.flatMap(({ change }) => (change === undefined ? [] : [change]))),
    single: own.length === 1 ? (own[0] ?? null) : null,
  }));
}

function summariseMetrics(all: readonly Metrics[]): Readonly<Record<string, SeedSummary>> {
  const names = [...new Set(all.flatMap((metrics) => Object.keys(metrics)))];
  return Object.fromEntries(
    names.map((name) => [
      name,
      summarise(all.flatMap(({ [name]: summary }) => (summary === undefined ? [] : [summary]))),
    ]),
  );
}

function summarise(summaries: readonly MetricSummary[]): SeedSummary {
  const means = summaries.map(({ mean }) => mean);
  return {
    mean: means.reduce((sum, mean) => sum + mean, 0) / means.length,
    least: Math.min(...means),
    most: Math.max(...means),
    seeds: means.length,
  };
}

/** '12.0% (10.0% to 14.0%)' */
export function formatSeeds(metric: string, summary: SeedSummary | undefined): string {
  if (summary === undefined) return '–';
  const { mean, least, most, seeds } = summary;
  return seeds === 1
    ? formatMetric(metric, mean)
    : `${formatMetric(metric, mean)} (${formatMetric(metric, least)} to ${formatMetric(metric, most)})`;
}
