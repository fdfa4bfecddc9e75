/** The report as Markdown: the tables and the provenance. What models said is left out; report.html shows it when
 *  asked. */
import type { LoopEntry, MendReport, ReportRow } from '../../report/report.js';
import { formatDuration } from '../../base/quantities.js';
import { findings, loopFindings } from '../../report/findings.js';
import { lastRoundRows, loopMatrix } from '../../report/loopMatrix.js';
import { courseMetrics, mendCell, mendTables } from '../../report/mendTables.js';
import {
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
  const { loop = [], mend = [] } = report;
  const inMain = lastRoundRows(report);
  const judges = [...new Set(report.rows.map(({ judge }) => judge))];
  const parts = [`# ${escape(manifest.name)}`, ''];
  if (manifest.status !== 'done')
    parts.push(
      `This run is **${manifest.status}**${manifest.reason === undefined ? '' : `: ${escape(manifest.reason)}`}`,
      '',
    );
  if (loop.length > 0) parts.push('## Attack and mend, round by round', '', ...loopLines(loop), '');
  if (inMain !== null) parts.push(`## Results of the last round: ${escape(loop.at(-1)?.target ?? '')}`, '');
  for (const [i, judge] of judges.entries()) {
    const rows = report.rows.filter((row) => row.judge === judge);
    if (i === 0)
      for (const sentence of findings(rows.filter(({ name }) => inMain?.has(name) ?? true)))
        parts.push(escape(sentence), '');
    parts.push(`## Judge \`${judge}\``, '', ...table(rows), '');
  }
  if (report.rows.length > 0) parts.push(`In brackets: 95% intervals, bootstrapped by prompt. ${headingLegend}`, '');
  const rounded = report.rows.flatMap((row) => (row.rounding === undefined ? [] : [{ ...row, metrics: row.rounding }]));
  if (rounded.length > 0)
    parts.push(
      '## What rounding changes',
      '',
      'The same exchanges answered by the target in 8 bits, as training played it: rounded minus exact.',
      '',
      ...table(rounded),
      '',
    );
  for (const each of mend) parts.push(...mendLines(each));
  if ((report.notes ?? []).length > 0)
    parts.push('## Notes', '', ...(report.notes ?? []).map((note) => `- ${escape(note)}`), '');
  parts.push(
    '## How it was run',
    '',
    `- seed ${manifest.seed}, ${formatDuration(manifest.elapsedMs / 1000)}, started ${manifest.createdAt}`,
    `- ${Object.entries(manifest.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}`,
    ...manifest.inputs.map(({ name, sha256 }) => `- input ${escape(name)}: sha256 ${sha256}`),
    '',
    `${report.samples.length} dialogues are in report.html, covered until asked for.`,
    '',
  );
  return parts.join('\n');
}

/** The matrix: adversaries down, targets across, below them what guards each target. */
function loopLines(loop: readonly LoopEntry[]): readonly string[] {
  const { adversaries, rounds, guards, cell } = loopMatrix(loop);
  const rates = adversaries.map((adversary) =>
    line([
      escape(adversary),
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
    line([
      metricHeading(guard),
      ...rounds.map(({ guards: { [guard]: summary } }) =>
        summary === undefined ? '–' : formatInterval(guard, summary),
      ),
    ]),
  );
  return [
    ...loopFindings(loop).flatMap((sentence) => [escape(sentence), '']),
    line(['share of replies failed', ...rounds.map(({ round, target }) => `round ${round}: ${escape(target)}`)]),
    line(['---', ...rounds.map(() => '---:')]),
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
    line(['model', ...metrics.map(metricHeading)]),
    line(['---', ...metrics.map(() => '---:')]),
    ...rows.map((row) =>
      line([
        escape(row.model),
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
          line([
            escape(model),
            String(last.step),
            ...quantities.map((name) =>
              last.values[name] === undefined ? '–' : formatMetric(name, last.values[name]),
            ),
          ]),
        ];
  });
  return [
    `## Mending: ${escape(mend.stage)} mends ${escape(mend.before)}`,
    '',
    ...Object.entries(mend.counts).map(([name, count]) => `- ${describeMetric(name).label.toLowerCase()}: ${count}`),
    '',
    ...tables,
    'Second line: the change to the target before, paired by dialogue; bold where its interval leaves out zero.',
    '',
    ...(ends.length === 0
      ? []
      : [
          '### Held-out replies at the end of training: log-probability minus that before it, nats a reply',
          '',
          line(['model', 'step', ...quantities.map(metricHeading)]),
          line(['---', '---:', ...quantities.map(() => '---:')]),
          ...ends,
          '',
        ]),
  ];
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function table(rows: readonly ReportRow[]): readonly string[] {
  const metrics = metricOrder(rows);
  return [
    line(['adversary', ...metrics.map(metricHeading), 'dialogues', 'replies unscored']),
    line(['---', ...metrics.map(() => '---:'), '---:', '---:']),
    ...rows.map((row) =>
      line([
        escape(row.name),
        ...metrics.map((metric) => cell(row, metric)),
        `${row.dialogues} × ${row.turns}`,
        unscoredOf(row),
      ]),
    ),
  ];
}

function cell(row: ReportRow, metric: string): string {
  const summary = row.metrics[metric];
  return summary === undefined ? '–' : formatInterval(metric, summary);
}

/** Characters that mean something in Markdown or HTML lose their meaning. */
function escape(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]<>|]/g, (character) => `\\${character}`).replaceAll('\n', ' ');
}
