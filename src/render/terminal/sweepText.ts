/** A sweep in a terminal: every row of every point, repeats joined. */
import { formatSeeds, joinRepeats, type SweepTable, valueLabel } from '../../report/sweepTables.js';
import { formatCell, metricHeading, metricOrder } from '../../report/metrics.js';
import { formatTable } from './table.js';
import type { SweepView } from '../../report/sweepView.js';

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
    ...metrics.map((metric) => formatCell(metric, row.metrics)),
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
    ...metrics.map((metric) => formatSeeds(metric, own[metric])),
  ]);
  const header = [...others.map(({ label }) => label), table.rowIs, ...metrics.map(metricHeading)];
  return `\n\nmean over seeds (lowest to highest)\n${formatTable(
    header,
    rows,
    metrics.map((_, i) => i + others.length + 1),
  )}`;
}
