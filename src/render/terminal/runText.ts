/** Renders the findings of a run in a terminal: the loop, the mending, and the main rows. */
import { formatCell, metricHeading, unscoredOf } from '../../report/metrics.js';
import { clustersSentence } from '../../report/clusters.js';
import {
  classFigures,
  classRows,
  ensembleSentences,
  interval,
  labellingSentences,
} from '../../report/establishedTables.js';
import { categoryMetrics, categoryRows } from '../../report/categories.js';
import { bestEstimateSentence, guaranteeSentence } from '../../report/estimates.js';
import { differentFailuresSentence } from '../../report/differentFailures.js';
import { frontierOf, frontierSentence } from '../../report/frontier.js';
import { differenceTable, type RowTable } from '../../report/rowDifferences.js';
import { transferMatrix } from '../../report/transferMatrix.js';
import { selectMainRows } from '../../report/mainRows.js';
import { rowLabels } from '../../report/search.js';
import type { EstablishedReport, Report, ReportRow } from '../../report/report.js';
import { loopText, mendText } from './loopTables.js';
import { formatTable } from './table.js';

/** Columns of the table of results, where rows have them. */
const columns = ['replyHarm', 'replyFailureRate', 'replySplitRate', 'adversaryHarm', 'adversaryNll', 'reward'];

/** Returns paragraphs with an empty line between them and at the end. */
export function runText(report: Report): string {
  const { loop = [], mend = [], clusters = [], established = [], estimates = [] } = report;
  const { rows, includes } = selectMainRows(report);
  const differences = differenceTable(report, rows[0]?.judge ?? '', includes);
  const transfer = transferMatrix(report, rows[0]?.judge ?? '');
  const frontier = frontierSentence(frontierOf(rows));
  const different = differentFailuresSentence(rows);
  return [
    ...(loop.length === 0 ? [] : [loopText(loop), '']),
    ...(clusters.length === 0 ? [] : [clustersSentence(clusters), '']),
    ...established.flatMap((each) => [establishedText(each), '']),
    ...mend.flatMap((each) => [mendText(each), '']),
    ...estimates.flatMap((each) => [`${each.name}: ${guaranteeSentence(each)} ${bestEstimateSentence(each)}`, '']),
    ...(rows.length === 0 ? [] : [summaryTable(rows, report.groupBy), '']),
    ...(differences === null ? [] : [rowTableText(differences), '']),
    ...(transfer === null ? [] : [rowTableText(transfer), '']),
    ...(frontier === null ? [] : [frontier, '']),
    ...(different === null ? [] : [different, '']),
    ...categoryText(rows),
    ...rows.flatMap((row) =>
      (row.unscored ?? 0) === 0 ? [] : [`${row.name}: no verdict on replies: ${unscoredOf(row)}`],
    ),
  ].join('\n');
}

function rowTableText({ title, legend, columns, rows }: RowTable): string {
  const table = formatTable(
    [title, ...columns],
    rows.map(({ name, cells }) => [name, ...cells]),
    columns.map((_, i) => i + 1),
  );
  return `${table}\n${legend}`;
}

function categoryText(rows: readonly ReportRow[]): readonly string[] {
  const categories = categoryRows(rows);
  if (categories.length === 0) return [];
  const table = formatTable(
    ['adversary, category (dialogues)', ...categoryMetrics.map(metricHeading)],
    categories.map(({ name, metrics }) => [name, ...categoryMetrics.map((metric) => formatCell(metric, metrics))]),
    categoryMetrics.map((_, i) => i + 1),
  );
  return [table, ''];
}

function establishedText(judge: EstablishedReport): string {
  const { ensemble } = judge;
  const table =
    ensemble === undefined
      ? []
      : [
          formatTable(
            ['class', 'held out', ...classFigures.map(({ heading }) => heading)],
            classRows(ensemble.quality).map((row) => [
              row.harmful ? `${row.name} (harmful)` : row.name,
              String(row.heldOut),
              ...classFigures.map(({ key }) => (row[key] === null ? '–' : interval(key, row[key]))),
            ]),
            [1, 2, 3, 4, 5],
          ),
        ];
  return [`judge stage:${judge.name}`, ...labellingSentences(judge), ...ensembleSentences(judge), ...table].join('\n');
}

function summaryTable(rows: readonly ReportRow[], groupBy: Report['groupBy']): string {
  const unit = groupBy === undefined ? '' : ` by ${groupBy}`;
  const metrics = columns.filter((metric) => rows.some((row) => row.metrics[metric] !== undefined));
  const labels = rowLabels(rows);
  const table = formatTable(
    ['adversary', ...metrics.map(metricHeading), 'unscored'],
    rows.map((row, i) => [
      labels[i] ?? row.name,
      ...metrics.map((metric) => formatCell(metric, row.metrics)),
      unscoredOf(row),
    ]),
    [...metrics, 'unscored'].map((_, i) => i + 1),
  );
  return `judge ${rows[0]?.judge ?? ''}, ${rows[0]?.dialogues ?? 0} dialogues per row; 95% intervals${unit}\n${table}`;
}
