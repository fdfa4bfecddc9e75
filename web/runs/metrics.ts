/** The lines of metrics.jsonl that came so far, as series by run, stage and name. They are kept while the page is open:
 *  a view that is seen again, and a server that was started anew, are asked for what is new alone. */
import { type Signal, signal } from '@preact/signals';
import type { Cursor, LiveEvent, MetricRecord } from '../../src/server/runs/protocol.js';

export interface Series {
  readonly stage: string;
  /** Its name in the log: 'rollout/reward'. */
  readonly name: string;
  readonly steps: number[];
  readonly values: number[];
}

interface RunMetrics {
  cursor: Cursor;
  series: Map<string, Series>;
  /** Counts what came, so that views are drawn again. */
  readonly version: Signal<number>;
}

const start: Cursor = { bytes: 0, mark: '' };
const known = new Map<string, RunMetrics>();
const axes = new Set(['step', 'epoch', 'time']);

export function cursorOf(id: string): Cursor {
  return metricsOf(id).cursor;
}

/** Returns the series of a run so far; a view that reads them is drawn again when more come. */
export function seriesOf(id: string): readonly Series[] {
  const { series, version } = metricsOf(id);
  return version.value < 0 ? [] : [...series.values()];
}

export function takeMetrics({ id, isReset, records, cursor }: Extract<LiveEvent, { kind: 'metrics' }>): void {
  const metrics = metricsOf(id);
  if (isReset) metrics.series = new Map();
  for (const record of records) addRecord(metrics.series, record);
  metrics.cursor = cursor;
  metrics.version.value++;
}

function metricsOf(id: string): RunMetrics {
  const found = known.get(id) ?? { cursor: start, series: new Map<string, Series>(), version: signal(0) };
  known.set(id, found);
  return found;
}

function addRecord(all: Map<string, Series>, record: MetricRecord): void {
  const { step, stage } = record;
  if (typeof step !== 'number') return;
  const place = typeof stage === 'string' ? stage : '';
  for (const [name, value] of Object.entries(record)) {
    if (axes.has(name) || typeof value !== 'number') continue;
    const key = `${place} ${name}`;
    let series = all.get(key);
    if (series === undefined) all.set(key, (series = { stage: place, name, steps: [], values: [] }));
    series.steps.push(step);
    series.values.push(value);
  }
}
