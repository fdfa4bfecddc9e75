/** A sweep as Markdown: what became of the points, every row of every point, repeats joined. */
import { join } from 'node:path';
import { formatCell, describeMetric, headingLegend, metricHeading, metricOrder } from '../../report/metrics.js';
import { formatSeeds, intervalUnit, joinRepeats, valueLabel } from '../../report/sweepTables.js';
import { pointNotes, type SweepView } from '../../report/sweepView.js';
import { escapeMarkdown, markdownRow } from './cells.js';

export function renderSweepMarkdown({ file, seedKey }: SweepView): string {
  const parts = [
    `# ${escapeMarkdown(file.name)}: sweep over ${file.keys.map(({ label }) => escapeMarkdown(label)).join(', ')}`,
    '',
  ];
  const notes = pointNotes(file.points);
  parts.push(
    `${file.points.filter(({ status }) => status === 'done').length} of ${file.points.length} points are done.`,
    '',
  );
  if (notes.length > 0) parts.push(...notes.map((note) => `- ${escapeMarkdown(note)}`), '');
  for (const table of file.tables) {
    const metrics = metricOrder(table.rows);
    const changes = metricOrder(table.rows.map(({ change = {} }) => ({ metrics: change })));
    parts.push(`## ${escapeMarkdown(table.title)}`, '');
    parts.push(
      markdownRow([
        'point',
        ...file.keys.map(({ label }) => escapeMarkdown(label)),
        table.rowIs,
        ...metrics.map(metricHeading),
        ...changes.map((metric) => `${describeMetric(metric).label}, change`),
      ]),
      markdownRow([
        '---:',
        ...file.keys.map(() => '---'),
        '---',
        ...metrics.map(() => '---:'),
        ...changes.map(() => '---:'),
      ]),
      ...table.rows.map((row) =>
        markdownRow([
          String(row.point),
          ...file.keys.map(({ key }) => escapeMarkdown(valueLabel(row.values[key]))),
          escapeMarkdown(row.name),
          ...metrics.map((metric) => formatCell(metric, row.metrics)),
          ...changes.map((metric) => formatCell(metric, row.change ?? {})),
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
        markdownRow([
          ...others.map(({ label }) => escapeMarkdown(label)),
          table.rowIs,
          'seeds',
          ...metrics.map(metricHeading),
        ]),
        markdownRow([...others.map(() => '---'), '---', '---:', ...metrics.map(() => '---:')]),
        ...joined.map(({ name, values, metrics: own }) =>
          markdownRow([
            ...others.map(({ key }) => escapeMarkdown(valueLabel(values[key]))),
            escapeMarkdown(name),
            String(Math.max(0, ...Object.values(own).map(({ seeds }) => seeds))),
            ...metrics.map((metric) => formatSeeds(metric, own[metric])),
          ]),
        ),
        '',
      );
    }
  }
  if (file.tables.length > 0)
    parts.push(
      `In brackets: 95% intervals of one run, bootstrapped by ${intervalUnit(file.tables)}. ${headingLegend}`,
      '',
    );
  parts.push(
    '## Runs',
    '',
    ...file.points.map(
      ({ name, folder, status }) =>
        `- ${escapeMarkdown(name)}: ${status}, ${escapeMarkdown(join(folder, 'report.html'))}`,
    ),
    '',
  );
  return parts.join('\n');
}
