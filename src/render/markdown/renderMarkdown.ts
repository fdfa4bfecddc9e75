/** The report as Markdown: the tables and the provenance. What models said is left out; report.html shows it when
 *  asked. */
import type { LoopEntry, MendReport, ReportRow } from '../../report/report.js';
import { formatDuration } from '../../base/quantities.js';
import { loopFindings } from '../../report/findings.js';
import { loopMatrix } from '../../report/loopMatrix.js';
import { clustersSentence } from '../../report/clusters.js';
import { categoryMetrics, categoryRows } from '../../report/categories.js';
import { estimateLines } from './estimateLines.js';
import { establishedLines } from './establishedLines.js';
import { differentFailuresSentence } from '../../report/differentFailures.js';
import { frontierOf, frontierSentence } from '../../report/frontier.js';
import { differenceTable, type RowTable } from '../../report/rowDifferences.js';
import { transferMatrix } from '../../report/transferMatrix.js';
import { selectMainRows } from '../../report/mainRows.js';
import { rowLabels } from '../../report/search.js';
import { escapeMarkdown, markdownRow } from './cells.js';
import { courseMetrics, mendCell, mendTables } from '../../report/mendTables.js';
import {
  formatCell,
  describeMetric,
  formatChange,
  formatInterval,
  formatMetric,
  headingLegend,
  metricHeading,
  metricOrder,
  unscoredOf,
} from '../../report/metrics.js';
import type { ReportView } from '../../report/reportView.js';

export function renderMarkdown({ manifest, report }: ReportView): string {
  const { loop = [], mend = [], clusters = [], established = [], estimates = [] } = report;
  const main = selectMainRows(report);
  const parts = [`# ${escapeMarkdown(manifest.name)}`, ''];
  if (manifest.status !== 'done')
    parts.push(
      `This run is **${manifest.status}**${manifest.reason === undefined ? '' : `: ${escapeMarkdown(manifest.reason)}`}`,
      '',
    );
  if (estimates.length > 0) parts.push('## How probable a failure is in ordinary use', '');
  for (const each of estimates) parts.push(...estimateLines(each));
  if (loop.length > 0) parts.push('## Attack and mend, round by round', '', ...loopLines(loop), '');
  if (report.rows.length > 0) parts.push(`## ${escapeMarkdown(main.title)}`, '');
  for (const sentence of main.findings) parts.push(escapeMarkdown(sentence), '');
  for (const { judge, rows } of main.byJudge)
    if (rows.length > 0)
      parts.push(
        `### Judge \`${judge}\``,
        '',
        ...table(rows),
        '',
        ...rowTableLines(differenceTable(report, judge, main.includes)),
        ...rowTableLines(transferMatrix(report, judge)),
        ...differentLines(rows),
        ...categoryLines(rows),
      );
  const frontier = frontierSentence(frontierOf(main.rows));
  if (frontier !== null) parts.push(escapeMarkdown(frontier), '');
  if (report.rows.length > 0)
    parts.push(`In brackets: 95% intervals, bootstrapped by ${report.groupBy ?? 'prompt'}. ${headingLegend}`, '');
  const rounded = main.rows.flatMap((row) => (row.rounding === undefined ? [] : [{ ...row, metrics: row.rounding }]));
  if (rounded.length > 0)
    parts.push(
      '## What rounding changes',
      '',
      'The same exchanges answered by the target in 8 bits, as training played it: rounded minus exact.',
      '',
      ...table(rounded),
      '',
    );
  if (main.byJudge.some(({ earlier }) => earlier.length > 0))
    parts.push('## Against the targets of earlier rounds', '');
  for (const { judge, earlier } of main.byJudge)
    if (earlier.length > 0) parts.push(`### Judge \`${judge}\``, '', ...table(earlier), '');
  if (clusters.length > 0) parts.push('## What the target says', '', clustersSentence(clusters), '');
  for (const each of established) parts.push(...establishedLines(each));
  for (const each of mend) parts.push(...mendLines(each));
  if ((report.notes ?? []).length > 0)
    parts.push('## Notes', '', ...(report.notes ?? []).map((note) => `- ${escapeMarkdown(note)}`), '');
  parts.push(
    '## How it was run',
    '',
    `- seed ${manifest.seed}, ${formatDuration(manifest.elapsedMs / 1000)}, started ${manifest.createdAt}`,
    `- ${Object.entries(manifest.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}`,
    ...manifest.inputs.map(({ name, sha256 }) => `- input ${escapeMarkdown(name)}: sha256 ${sha256}`),
    '',
    `${report.samples.length} dialogues are in report.html, covered until asked for.`,
    '',
  );
  return parts.join('\n');
}

function rowTableLines(table: RowTable | null): readonly string[] {
  if (table === null) return [];
  return [
    markdownRow([table.title, ...table.columns.map(escapeMarkdown)]),
    markdownRow(['---', ...table.columns.map(() => '---:')]),
    ...table.rows.map(({ name, cells }) => markdownRow([escapeMarkdown(name), ...cells])),
    '',
    table.legend,
    '',
  ];
}

function categoryLines(rows: readonly ReportRow[]): readonly string[] {
  const categories = categoryRows(rows);
  if (categories.length === 0) return [];
  return [
    markdownRow(['adversary, category (dialogues)', ...categoryMetrics.map(metricHeading)]),
    markdownRow(['---', ...categoryMetrics.map(() => '---:')]),
    ...categories.map(({ name, metrics }) =>
      markdownRow([escapeMarkdown(name), ...categoryMetrics.map((metric) => formatCell(metric, metrics))]),
    ),
    '',
  ];
}

function differentLines(rows: readonly ReportRow[]): readonly string[] {
  const sentence = differentFailuresSentence(rows);
  return sentence === null ? [] : [escapeMarkdown(sentence), ''];
}

/** The matrix: adversaries down, targets across, below them what guards each target. */
function loopLines(loop: readonly LoopEntry[]): readonly string[] {
  const { adversaries, rounds, guards, cell } = loopMatrix(loop);
  const rates = adversaries.map((adversary) =>
    markdownRow([
      escapeMarkdown(adversary),
      ...rounds.map(({ round }) => {
        const found = cell(adversary, round);
        return found === null
          ? ''
          : found.fresh
            ? `**${formatInterval('replyFailureRate', found.rate)}** ◆`
            : formatInterval('replyFailureRate', found.rate);
      }),
    ]),
  );
  const guardLines = guards.map((guard) =>
    markdownRow([
      metricHeading(guard),
      ...rounds.map(({ guards: { [guard]: summary } }) =>
        summary === undefined ? '–' : formatInterval(guard, summary),
      ),
    ]),
  );
  return [
    ...loopFindings(loop).flatMap((sentence) => [escapeMarkdown(sentence), '']),
    markdownRow([
      'share of replies failed',
      ...rounds.map(({ round, target }) => `round ${round}: ${escapeMarkdown(target)}`),
    ]),
    markdownRow(['---', ...rounds.map(() => '---:')]),
    ...rates,
    ...guardLines,
    '',
    '◆ and bold: a fresh adversary, trained against this very target. Empty: not played.',
  ];
}

/** The tables of one mend stage, and where each quantity of its course ended. */
function mendLines(mend: MendReport): readonly string[] {
  const tables = mendTables(mend).flatMap(({ title, metrics, rows }) => [
    `### ${title}`,
    '',
    markdownRow(['model', ...metrics.map(metricHeading)]),
    markdownRow(['---', ...metrics.map(() => '---:')]),
    ...rows.map((row) =>
      markdownRow([
        escapeMarkdown(row.model),
        ...metrics.map((metric) => {
          const cell = mendCell(row, metric);
          if (cell === null) return '–';
          const bold = (text: string): string => (cell.direction === null ? text : `**${text}**`);
          // What is a figure of the whole set has no interval.
          const value =
            cell.value.low < cell.value.high
              ? formatInterval(metric, cell.value)
              : formatMetric(metric, cell.value.mean);
          return cell.change === null ? bold(value) : `${value}<br>${bold(formatChange(metric, cell.change))}`;
        }),
      ]),
    ),
    '',
  ]);
  const { moved, others } = courseMetrics(mend);
  const quantities = [...moved, ...others];
  const ends = mend.course.flatMap(({ model, points }) => {
    const last = points.at(-1);
    return last === undefined
      ? []
      : [
          markdownRow([
            escapeMarkdown(model),
            String(last.step),
            ...quantities.map((name) =>
              last.values[name] === undefined ? '–' : formatMetric(name, last.values[name]),
            ),
          ]),
        ];
  });
  return [
    `## Mending: ${escapeMarkdown(mend.stage)} mends ${escapeMarkdown(mend.before)}`,
    '',
    ...Object.entries(mend.counts).map(([name, count]) => `- ${describeMetric(name).label.toLowerCase()}: ${count}`),
    '',
    ...tables,
    'Second line: the change to the target before, paired by dialogue; bold where its interval leaves out zero.',
    '',
    ...(ends.length === 0
      ? []
      : [
          '### Held-out replies at the end of training: log-probability minus that before it, nats per reply',
          '',
          markdownRow(['model', 'step', ...quantities.map(metricHeading)]),
          markdownRow(['---', '---:', ...quantities.map(() => '---:')]),
          ...ends,
          '',
        ]),
  ];
}

function table(rows: readonly ReportRow[]): readonly string[] {
  const metrics = metricOrder(rows);
  const labels = rowLabels(rows);
  return [
    markdownRow(['adversary', ...metrics.map(metricHeading), 'dialogues', 'replies unscored']),
    markdownRow(['---', ...metrics.map(() => '---:'), '---:', '---:']),
    ...rows.map((row, i) =>
      markdownRow([
        escapeMarkdown(labels[i] ?? row.name),
        ...metrics.map((metric) => formatCell(metric, row.metrics)),
        `${row.dialogues} × ${row.turns}`,
        unscoredOf(row),
      ]),
    ),
  ];
}
