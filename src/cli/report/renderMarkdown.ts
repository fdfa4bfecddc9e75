/** The report as Markdown: the tables and the provenance. What models said is left out; report.html shows it when asked. */
import type { ReportRow } from '../../runs/report.js';
import { formatDuration } from '../../runs/quantities.js';
import { findings } from './findings.js';
import { formatInterval, metricName, metricOrder, unscoredOf } from './metricNames.js';
import type { ReportView } from './reportView.js';

export function renderMarkdown({ manifest, report }: ReportView): string {
  const judges = [...new Set(report.rows.map(({ judge }) => judge))];
  const parts = [`# ${escape(manifest.name)}`, ''];
  if (manifest.status !== 'done') parts.push(`This run is **${manifest.status}**${manifest.reason === undefined ? '' : `: ${escape(manifest.reason)}`}`, '');
  for (const [i, judge] of judges.entries()) {
    const rows = report.rows.filter((row) => row.judge === judge);
    if (i === 0) for (const sentence of findings(rows)) parts.push(escape(sentence), '');
    parts.push(`## Judge \`${judge}\``, '', ...table(rows), '');
  }
  if (report.rows.length > 0) parts.push('In brackets: 95% intervals, bootstrapped by prompt.', '');
  const rounded = report.rows.flatMap((row) => (row.rounding === undefined ? [] : [{ ...row, metrics: row.rounding }]));
  if (rounded.length > 0) parts.push('## What rounding changes', '', 'The same exchanges answered by the target in 8 bits, as training played it: rounded minus exact.', '', ...table(rounded), '');
  if ((report.notes ?? []).length > 0) parts.push('## Notes', '', ...(report.notes ?? []).map((note) => `- ${escape(note)}`), '');
  parts.push(
    '## How it was run', '',
    `- seed ${manifest.seed}, ${formatDuration(manifest.elapsedMs / 1000)}, started ${manifest.createdAt}`,
    `- ${Object.entries(manifest.versions).map(([name, version]) => `${name} ${version}`).join(', ')}`,
    ...manifest.inputs.map(({ name, sha256 }) => `- input ${escape(name)}: sha256 ${sha256}`),
    '', `${report.samples.length} dialogues are in report.html, covered until asked for.`, '',
  );
  return parts.join('\n');
}

function table(rows: readonly ReportRow[]): readonly string[] {
  const metrics = metricOrder(rows);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(['adversary', ...metrics.map((metric) => metricName(metric).label), 'dialogues', 'replies unscored']),
    line(['---', ...metrics.map(() => '---:'), '---:', '---:']),
    ...rows.map((row) => line([escape(row.name), ...metrics.map((metric) => cell(row, metric)), `${row.dialogues} × ${row.turns}`, unscoredOf(row)])),
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
