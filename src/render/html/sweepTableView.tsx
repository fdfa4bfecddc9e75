/** The tables of a sweep's page: every row of every point, means over seeds, and what became of each point. */
import type { SweepFile } from '../../report/sweepFile.js';
import type { SweptKey } from '../../report/sweepFile.js';
import { joinRepeats, type SeedSummary, type SweepTable } from '../../report/sweepTables.js';
import { formatMetric, metricHeading, metricMeaning, metricOrder } from '../../report/metrics.js';
import { MetricCell } from './results.js';
import { valueLabel } from '../../report/sweepTables.js';

interface TableProps {
  readonly table: SweepTable;
  readonly keys: readonly SweptKey[];
}

export function PointTable({ table, keys }: TableProps) {
  const metrics = metricOrder(table.rows);
  return (
    <Scroll label={`${table.title}: every point`}>
      <table class="results">
        <thead>
          <tr>
            <th scope="col" class="number">
              point
            </th>
            <KeyHeaders keys={keys} />
            <th scope="col">{table.rowIs}</th>
            <MetricHeaders metrics={metrics} />
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row) => (
            <tr>
              <td class="number">{row.point}</td>
              {keys.map(({ key }) => (
                <td>{valueLabel(row.values[key])}</td>
              ))}
              <th scope="row">{row.name}</th>
              {metrics.map((metric) => (
                <MetricCell metrics={row.metrics} change={row.change} metric={metric} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** Renders nothing where no point was repeated with another seed. */
export function SeedTable({ table, keys, seedKey }: TableProps & { readonly seedKey: string | null }) {
  if (seedKey === null) return null;
  const rows = joinRepeats(table.rows, seedKey);
  if (rows.every(({ single }) => single !== null)) return null;
  const metrics = metricOrder(table.rows);
  const others = keys.filter(({ key }) => key !== seedKey);
  return (
    <>
      <h4>Over seeds: mean, lowest to highest</h4>
      <Scroll label={`${table.title}: mean over seeds`}>
        <table class="results">
          <thead>
            <tr>
              <KeyHeaders keys={others} />
              <th scope="col">{table.rowIs}</th>
              <th scope="col" class="number">
                seeds
              </th>
              <MetricHeaders metrics={metrics} />
            </tr>
          </thead>
          <tbody>
            {rows.map(({ name, values, metrics: own }) => (
              <tr>
                {others.map(({ key }) => (
                  <td>{valueLabel(values[key])}</td>
                ))}
                <th scope="row">{name}</th>
                <td class="number">{Math.max(0, ...Object.values(own).map(({ seeds }) => seeds))}</td>
                {metrics.map((metric) => (
                  <SeedCell summary={own[metric]} metric={metric} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </>
  );
}

export function RunTable({ file: { keys, points } }: { file: SweepFile }) {
  const hasReasons = points.some(
    ({ reason, thresholdExceeded }) => reason !== undefined || thresholdExceeded !== undefined,
  );
  return (
    <Scroll label="Runs">
      <table class="results">
        <thead>
          <tr>
            <th scope="col" class="number">
              point
            </th>
            <KeyHeaders keys={keys} />
            <th scope="col">run</th>
            <th scope="col">status</th>
            {hasReasons && <th scope="col">why</th>}
          </tr>
        </thead>
        <tbody>
          {points.map(({ number, name, values, folder, status, reason, thresholdExceeded = [] }) => (
            <tr>
              <td class="number">{number}</td>
              {keys.map(({ key }) => (
                <td>{valueLabel(values[key])}</td>
              ))}
              <th scope="row">
                {status === 'pending' ? name : <a href={`./${encodeURIComponent(folder)}/report.html`}>{name}</a>}
              </th>
              <td>{status}</td>
              {hasReasons && (
                <td>
                  {[
                    reason ?? '',
                    thresholdExceeded.length === 0 ? '' : `over failOver: ${thresholdExceeded.join(', ')}`,
                  ]
                    .filter((text) => text !== '')
                    .join('; ')}
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Scroll({ label, children }: { label: string; children: preact.ComponentChildren }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      {children}
    </div>
  );
}

function KeyHeaders({ keys }: { keys: readonly SweptKey[] }) {
  return (
    <>
      {keys.map(({ key, label }) => (
        <th scope="col" title={key}>
          {label}
        </th>
      ))}
    </>
  );
}

function MetricHeaders({ metrics }: { metrics: readonly string[] }) {
  return (
    <>
      {metrics.map((metric) => (
        <th scope="col" class="number" title={metricMeaning(metric)}>
          {metricHeading(metric)}
        </th>
      ))}
    </>
  );
}

function SeedCell({ summary, metric }: { summary: SeedSummary | undefined; metric: string }) {
  if (summary === undefined) return <td class="number absent">–</td>;
  return (
    <td class="number">
      {formatMetric(metric, summary.mean)}
      {summary.seeds > 1 && (
        <small class="interval">
          {formatMetric(metric, summary.least)} – {formatMetric(metric, summary.most)}
        </small>
      )}
    </td>
  );
}
