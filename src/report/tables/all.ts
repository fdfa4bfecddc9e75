/** Every table of a run and of a sweep. A part of the report without tables does not compile. */
import type { ColumnType } from '../../dialogue/plainTable.js';
import type { EvaluationView } from '../evaluation.js';
import type { Report } from '../report.js';
import { valueLabel } from '../sweepTables.js';
import type { SweepView } from '../sweepView.js';
import { clusterMapTable, clusterTables, establishedTables } from './discoveryTables.js';
import { estimateTables } from './estimateTables.js';
import {
  differencesTable,
  pointsTable,
  repliesTable,
  rowTables,
  sampleTables,
  verdictWordsTable,
} from './evaluationTables.js';
import { loopTable, mendStageTables } from './mendingTables.js';
import { type Cell, changeCells, changeColumns, metricCells, metricColumns, type Table, table } from './table.js';

type Section = Exclude<keyof Report, 'schema' | 'run' | 'groupBy'>;

const sections: Readonly<Record<Section, (report: Report) => readonly Table[]>> = {
  rows: ({ rows }) => rowTables(rows),
  differences: ({ differences = [] }) => [differencesTable(differences)],
  samples: ({ samples }) => sampleTables(samples),
  points: ({ points = [] }) => [pointsTable(points)],
  verdictWords: ({ verdictWords = [] }) => [verdictWordsTable(verdictWords)],
  loop: ({ loop = [] }) => [loopTable(loop)],
  mend: ({ mend = [] }) => mendStageTables(mend),
  clusters: ({ clusters = [] }) => clusterTables(clusters),
  clusterMap: ({ clusterMap }) => (clusterMap === undefined ? [] : [clusterMapTable(clusterMap)]),
  established: ({ established = [] }) => establishedTables(established),
  estimates: ({ estimates = [] }) => estimateTables(estimates),
  notes: ({ notes = [] }) => [
    table(
      'notes',
      { note: 'text' },
      notes.map((note) => ({ note })),
    ),
  ],
};

/** Returns the tables of a run, `metrics` first; those without a line too. */
export function runTables(view: EvaluationView): readonly Table[] {
  return [
    ...Object.values(sections).flatMap((tablesOf) => tablesOf(view.report)),
    repliesTable(view),
    table(
      'training',
      { attack: 'text', metric: 'text', set: 'text', step: 'count', value: 'number' },
      view.training.flatMap(({ attack, metric, curves }) =>
        curves.flatMap(({ set, points }) => points.map(({ x, y }) => ({ attack, metric, set, step: x, value: y }))),
      ),
    ),
    table(
      'mendLoss',
      { stage: 'text', model: 'text', step: 'count', loss: 'number' },
      view.mending.flatMap(({ stage, model, points }) =>
        points.map(({ x, y }) => ({ stage, model, step: x, loss: y })),
      ),
    ),
  ];
}

/** Returns the tables of a sweep, `metrics` first: the figures of every row of every point, with the swept values. */
export function tablesOfSweep({ file: { keys, points, tables } }: SweepView): readonly Table[] {
  const columns = Object.fromEntries(keys.map(({ key }): [string, ColumnType] => [`value ${key}`, 'text']));
  const valuesOf = (values: (typeof points)[number]['values']): Readonly<Record<string, Cell>> =>
    Object.fromEntries(keys.map(({ key }) => [`value ${key}`, valueLabel(values[key])]));
  return [
    table<string>(
      'metrics',
      { point: 'count', ...columns, table: 'text', name: 'text', ...metricColumns, ...changeColumns },
      tables.flatMap(({ id, rows }) =>
        rows.flatMap(({ point, values, name, metrics, change = {} }) =>
          metricCells(metrics).map((cells) => ({
            point,
            ...valuesOf(values),
            table: id,
            name,
            ...cells,
            ...changeCells(change[String(cells.metric)]),
          })),
        ),
      ),
    ),
    table<string>(
      'points',
      { point: 'count', name: 'text', ...columns, folder: 'text', status: 'text', reason: 'text' },
      points.map(({ number, name, values, folder, status, reason = null }) => ({
        point: number,
        name,
        ...valuesOf(values),
        folder,
        status,
        reason,
      })),
    ),
  ];
}
