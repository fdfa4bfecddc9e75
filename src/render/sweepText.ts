/** A sweep in words for the terminal and as Markdown: what became of the points, every row of every point, repeats
 *  joined. */
import { join } from 'node:path';
import type { Metrics } from '../report/report.js';
import type { SweepPointState } from '../report/sweepFile.js';
import { joinRepeats, type SeedSummary, type SweepTable } from '../report/sweepTables.js';
import {
  describeMetric,
  formatInterval,
  formatMetric,
  headingLegend,
  metricHeading,
  metricOrder,
} from '../report/metrics.js';
import { formatTable } from './terminal/table.js';
import type { SweepView } from './sweepView.js';
import { valueLabel } from './valueLabel.js';

/** Metrics of the terminal's table, where they exist. */
const brief = [
  'replyFailureRate',
  'replyHarm',
  'adversaryNll',
  'evasiveness',
  'coherence',
  'ordinaryNll',
  'ordinaryNllChange',
  'choiceAccuracy',
];

export function sweepText({ file, seedKey }: SweepView): string {
  return file.tables
    .map(
      (table) =>
        `${table.title}; 95% intervals\n${briefTable(file.keys, table)}${seedsText(table, seedKey, file.keys)}`,
    )
    .join('\n\n');
}

type Keys = SweepView['file']['keys'];

function briefTable(keys: Keys, table: SweepTable): string {
  const metrics = metricOrder(table.rows).filter((metric) => brief.includes(metric));
  const header = ['point', ...keys.map(({ label }) => label), table.rowIs, ...metrics.map(metricHeading)];
  const rows = table.rows.map((row) => [
    String(row.point),
    ...keys.map(({ key }) => valueLabel(row.values[key])),
    row.name,
    ...metrics.map((metric) => intervalCell(row.metrics, metric)),
  ]);
  return formatTable(header, rows, [0, ...metrics.map((_, i) => i + keys.length + 2)]);
}

function seedsText(table: SweepTable, seedKey: string | null, keys: Keys): string {
  if (seedKey === null) return '';
  const joined = joinRepeats(table.rows, seedKey);
  if (joined.every(({ single }) => single !== null)) return '';
  const others = keys.filter(({ key }) => key !== seedKey);
  const metrics = metricOrder(table.rows).filter((metric) => brief.includes(metric));
  const rows = joined.map(({ name, values, metrics: own }) => [
    ...others.map(({ key }) => valueLabel(values[key])),
    name,
    ...metrics.map((metric) => seedCell(own[metric], metric)),
  ]);
  const header = [...others.map(({ label }) => label), table.rowIs, ...metrics.map(metricHeading)];
  return `\n\nmean over seeds (lowest to highest)\n${formatTable(
    header,
    rows,
    metrics.map((_, i) => i + others.length + 1),
  )}`;
}

/** '12.0% (10.0% to 14.0%)' */
export function seedCell(summary: SeedSummary | undefined, metric: string): string {
  if (summary === undefined) return '–';
  const { mean, least, most, seeds } = summary;
  return seeds === 1
    ? formatMetric(metric, mean)
    : `${formatMetric(metric, mean)} (${formatMetric(metric, least)} to ${formatMetric(metric, most)})`;
}

function intervalCell(metrics: Metrics, metric: string): string {
  const summary = metrics[metric];
  return summary === undefined ? '–' : formatInterval(metric, summary);
}

/** What a reader must know of points that are not done, or done with a reservation. */
export function pointNotes(points: readonly SweepPointState[]): readonly string[] {
  return points.flatMap(({ name, status, reason, thresholdExceeded = [] }) => [
    ...(status === 'done' && reason === undefined
      ? []
      : [`${name}: ${status}${reason === undefined ? '' : `: ${reason}`}`]),
    ...(thresholdExceeded.length === 0 ? [] : [`${name}: over failOver: ${thresholdExceeded.join(', ')}`]),
  ]);
}

export function renderSweepMarkdown({ file, seedKey }: SweepView): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const parts = [`# ${escape(file.name)}: sweep over ${file.keys.map(({ label }) => escape(label)).join(', ')}`, ''];
  const notes = pointNotes(file.points);
  parts.push(
    `${file.points.filter(({ status }) => status === 'done').length} of ${file.points.length} points are done.`,
    '',
  );
  if (notes.length > 0) parts.push(...notes.map((note) => `- ${escape(note)}`), '');
  for (const table of file.tables) {
    const metrics = metricOrder(table.rows);
    const changes = metricOrder(table.rows.map(({ change = {} }) => ({ metrics: change })));
    parts.push(`## ${escape(table.title)}`, '');
    parts.push(
      line([
        'point',
        ...file.keys.map(({ label }) => escape(label)),
        table.rowIs,
        ...metrics.map(metricHeading),
        ...changes.map((metric) => `${describeMetric(metric).label}, change`),
      ]),
      line(['---:', ...file.keys.map(() => '---'), '---', ...metrics.map(() => '---:'), ...changes.map(() => '---:')]),
      ...table.rows.map((row) =>
        line([
          String(row.point),
          ...file.keys.map(({ key }) => escape(valueLabel(row.values[key]))),
          escape(row.name),
          ...metrics.map((metric) => intervalCell(row.metrics, metric)),
          ...changes.map((metric) => intervalCell(row.change ?? {}, metric)),
        ]),
      ),
      '',
    );
    const joined = seedKey === null ? [] : joinRepeats(table.rows, seedKey);
    if (joined.some(({ single }) => single === null)) {
      const others = file.keys.filter(({ key }) => key !== seedKey);
      parts.push(
        '### Mean over seeds, lowest to highest',
        '',
        line([...others.map(({ label }) => escape(label)), table.rowIs, 'seeds', ...metrics.map(metricHeading)]),
        line([...others.map(() => '---'), '---', '---:', ...metrics.map(() => '---:')]),
        ...joined.map(({ name, values, metrics: own }) =>
          line([
            ...others.map(({ key }) => escape(valueLabel(values[key]))),
            escape(name),
            String(Math.max(0, ...Object.values(own).map(({ seeds }) => seeds))),
            ...metrics.map((metric) => seedCell(own[metric], metric)),
          ]),
        ),
        '',
      );
    }
  }
  if (file.tables.length > 0)
    parts.push(`In brackets: 95% intervals of one run, bootstrapped by prompt. ${headingLegend}`, '');
  parts.push(
    '## Runs',
    '',
    ...file.points.map(
      ({ name, folder, status }) => `- ${escape(name)}: ${status}, ${escape(join(folder, 'report.html'))}`,
    ),
    '',
  );
  return parts.join('\n');
}

/** Characters that mean something in Markdown or HTML lose their meaning. */
function escape(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]<>|]/g, (character) => `\\${character}`).replaceAll('\n', ' ');
}
