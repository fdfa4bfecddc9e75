/** Rows of report.json as a table: one line per adversary and judge, a column per metric. */
import type { FoundRow, MetricFacts } from '../../src/server/runs/protocol.js';
import { arrow, intervalText, metricText } from './figures.js';

interface RowsTableProps {
  readonly label: string;
  readonly rows: readonly { readonly key: string; readonly title: string; readonly row: FoundRow }[];
  readonly metrics: Readonly<Record<string, MetricFacts>>;
  /** Names of the metrics that have a column. */
  readonly shown: readonly string[];
}

export function RowsTable({ label, rows, metrics, shown }: RowsTableProps) {
  return (
    <div class="table" role="region" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">Row</th>
            <th scope="col">Judge</th>
            {shown.map((name) => (
              <th key={name} scope="col" class="number" title={metrics[name]?.meaning}>
                {metrics[name]?.label ?? name}
                {arrow(metrics[name])}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, title, row }) => (
            <tr key={key}>
              <th scope="row">
                {title}
                <span class="soft">against {row.target}</span>
              </th>
              <td>{row.judge}</td>
              {shown.map((name) => {
                const value = row.metrics[name];
                const unit = metrics[name]?.unit;
                return (
                  <td key={name} class="number">
                    {value === undefined ? '–' : metricText(value.mean, unit)}
                    {value === undefined ? null : <span class="soft">{intervalText(value, unit)}</span>}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const first = [
  'replyFailureRate',
  'dialogueFailureRate',
  'adversaryNll',
  'replyHarm',
  'exchangeHarm',
  'adversaryHarm',
  'reward',
  'diversityFindings',
];

/** Names of the metrics that rows have, the main ones first. */
export function metricNames(rows: readonly FoundRow[]): {
  readonly main: readonly string[];
  readonly others: readonly string[];
} {
  const names = new Set(rows.flatMap(({ metrics }) => Object.keys(metrics)));
  const main = first.filter((name) => names.has(name));
  return { main, others: [...names].filter((name) => !main.includes(name)) };
}
