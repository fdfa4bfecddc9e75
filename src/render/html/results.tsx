/** The figures: one table a judge, charts beside it, and the course over turns and training. */
import type { JSX } from 'preact';
import type { Metrics, Report, ReportPoint, ReportRow } from '../../report/report.js';
import { Interval } from './interval.js';
import { Dot, IntervalChart, Legend, LineChart, pairWidth, ScatterChart } from './charts.js';
import { categoryMetrics, categoryRows } from '../../report/categories.js';
import { differentFailuresSentence } from '../../report/differentFailures.js';
import { adversaryOf } from '../../report/loopMatrix.js';
import {
  formatChange,
  formatMetric,
  metricHeading,
  metricMeaning,
  metricOrder,
  unscoredOf,
} from '../../report/metrics.js';
import { isSearch, rowLabels } from '../../report/search.js';
import type { Curve, TrainingCurves } from '../../report/reportView.js';

/** Index of colour and shape by row name: the same everywhere in a report. */
export type RowStyles = ReadonlyMap<string, number>;

/** In a loop the rows of one adversary, 'ipo-1@adpo-1' and 'ipo-1@adpo-2', look alike: they meet in no chart. */
export function rowStyles(report: Report, training: readonly TrainingCurves[]): RowStyles {
  const looped = report.loop ?? [];
  const evaluated = [...report.rows.map(({ name }) => name), ...report.samples.map(({ row }) => row)];
  const names = [...looped.map(({ adversary }) => adversary), ...evaluated, ...training.map(({ attack }) => attack)];
  const adversaries = new Map(looped.length > 0 ? report.rows.map((row) => [row.name, adversaryOf(row)]) : []);
  const lookOf = (name: string): string => adversaries.get(name) ?? name;
  const looks = [...new Set(names.map(lookOf))];
  return new Map([...new Set(names)].map((name) => [name, looks.indexOf(lookOf(name))]));
}

const charted = ['replyHarm', 'replyFailureRate', 'adversaryNll', 'reward'];

/** @param earlier further rows of this judge, which open on demand */
export function JudgeResults({
  rows,
  earlier,
  styles,
  main,
}: {
  rows: readonly ReportRow[];
  earlier: readonly ReportRow[];
  styles: RowStyles;
  main: boolean;
}) {
  const [first] = rows;
  if (first === undefined) return null;
  const metrics = metricOrder(rows);
  const different = differentFailuresSentence(rows);
  const categories = categoryRows(rows);
  const learnt = rows.filter((row) => row.judgeTrainedOn === true);
  const [chosen, trained] = [learnt.filter(isSearch), learnt.filter((row) => !isSearch(row))].map((own) =>
    own.map(({ name }) => name).join(', '),
  );
  return (
    <section class="judge" aria-label={`Judge ${first.judge}`}>
      <h3>
        Judge <code>{first.judge}</code>
        {first.threshold !== undefined && <small> threshold {first.threshold}</small>}
        {trained !== '' && <span class="flag">{trained} trained against this judge</span>}
        {chosen !== '' && <span class="flag">{chosen} chosen by this judge</span>}
      </h3>
      {main && (
        <div class="charts pairs">
          {charted
            .filter((metric) => metrics.includes(metric))
            .map((metric) => (
              <IntervalChart
                metric={metric}
                rows={rows.flatMap(({ name, metrics: { [metric]: values } }) =>
                  values === undefined ? [] : [{ name, style: styles.get(name) ?? 0, values }],
                )}
              />
            ))}
        </div>
      )}
      <ResultTable rows={rows} metrics={metrics} styles={styles} />
      {different !== null && <p class="aside">{different}</p>}
      {categories.length > 0 && (
        <MetricTable
          label="Table of results by category"
          rows={categories}
          metrics={categoryMetrics}
          styles={styles}
          first="adversary, category (dialogues)"
        />
      )}
      {earlier.length > 0 && (
        <details class="more-rows">
          <summary>All {rows.length + earlier.length} rows</summary>
          <ResultTable rows={[...earlier, ...rows]} metrics={metricOrder([...earlier, ...rows])} styles={styles} />
        </details>
      )}
    </section>
  );
}

function ResultTable({
  rows,
  metrics,
  styles,
}: {
  rows: readonly ReportRow[];
  metrics: readonly string[];
  styles: RowStyles;
}) {
  const last = {
    label: 'dialogues',
    cells: rows.map((row) => (
      <td class="number">
        {row.dialogues} <small>× {row.turns}</small>
        {row.unscored !== undefined && <small class="interval">{unscoredOf(row)} unscored</small>}
      </td>
    )),
  };
  const labels = rowLabels(rows);
  const labelled = rows.map((row, i) => ({ ...row, name: labels[i] ?? row.name, row: row.name }));
  return <MetricTable label="Table of results" rows={labelled} metrics={metrics} styles={styles} last={last} />;
}

interface MetricTableProps {
  readonly label: string;
  /** A row that is a part of another one looks like it. */
  readonly rows: readonly { readonly name: string; readonly row?: string; readonly metrics: Metrics }[];
  readonly metrics: readonly string[];
  readonly styles: RowStyles;
  /** Heading of the names; default: adversary. */
  readonly first?: string;
  /** A column of its own, a cell a row. */
  readonly last?: { readonly label: string; readonly cells: readonly JSX.Element[] };
}

/** A row an adversary, a column a metric. */
function MetricTable({ label, rows, metrics, styles, first = 'adversary', last }: MetricTableProps) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      <table class="results">
        <thead>
          <tr>
            <th scope="col">{first}</th>
            {metrics.map((metric) => (
              <th scope="col" class="number" title={metricMeaning(metric)}>
                {metricHeading(metric)}
              </th>
            ))}
            {last !== undefined && (
              <th scope="col" class="number">
                {last.label}
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr>
              <th scope="row">
                <Dot style={styles.get(row.row ?? row.name) ?? 0} />
                {row.name}
              </th>
              {metrics.map((metric) => (
                <MetricCell metrics={row.metrics} metric={metric} />
              ))}
              {last?.cells[i]}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** @param change the same figures as differences from something else, where there are some */
export function MetricCell({
  metrics,
  metric,
  change = {},
}: {
  metrics: Metrics;
  metric: string;
  change?: Metrics | undefined;
}) {
  const [summary, difference] = [metrics[metric], change[metric]];
  if (summary === undefined) return <td class="number absent">–</td>;
  return (
    <td class="number">
      {formatMetric(metric, summary.mean)}
      <Interval metric={metric} of={summary} />
      {difference !== undefined && <small class="interval">change {formatChange(metric, difference)}</small>}
    </td>
  );
}

/** Shows the changes by a rounded target in the same dialogues; nothing where training rounded nothing. */
export function RoundingTable({ rows, styles }: { rows: readonly ReportRow[]; styles: RowStyles }) {
  const rounded = rows.flatMap(({ name, rounding }) => (rounding === undefined ? [] : [{ name, metrics: rounding }]));
  if (rounded.length === 0) return null;
  return (
    <>
      <p class="aside">
        Training rollouts had the target in 8 bits; the figures above are exact. Here every exchange was answered once
        more by the rounded target, after the same words and with the same draws: rounded minus exact.
      </p>
      <MetricTable
        label="Table of what rounding changes"
        rows={rounded}
        metrics={metricOrder(rounded)}
        styles={styles}
      />
    </>
  );
}

/** How the figures change from turn to turn. */
export function TurnCharts({ rows, styles }: { rows: readonly ReportRow[]; styles: RowStyles }) {
  const withTurns = rows.filter((row) => (row.byTurn?.length ?? 0) > 1);
  const has = (metric: string): boolean =>
    withTurns.some(({ byTurn = [] }) => byTurn.some((turn) => turn.metrics[metric] !== undefined));
  const metrics = ['replyHarm', 'replyFailureRate', 'adversaryNll', 'reward'].filter(has);
  if (metrics.length === 0) return null;
  return (
    <>
      <Legend names={withTurns.map(({ name }) => ({ name, style: styles.get(name) ?? 0 }))} />
      <div class="charts pairs">
        {metrics.map((metric) => (
          <LineChart
            title={metricHeading(metric)}
            caption="by turn, with 95% intervals"
            metric={metric}
            xLabel="turn"
            wholeX
            width={pairWidth}
            series={withTurns.map(({ name, byTurn = [] }, i) => ({
              name,
              style: styles.get(name) ?? 0,
              marks: true,
              // Side by side, so that intervals do not hide each other.
              values: byTurn.flatMap(({ turn, metrics: own }) => {
                const summary = own[metric];
                if (summary === undefined) return [];
                const { mean, low, high } = summary;
                return [{ x: turn + (i - (withTurns.length - 1) / 2) * 0.08, y: mean, low, high }];
              }),
            }))}
          />
        ))}
      </div>
    </>
  );
}

/** Every dialogue as a point: an attack is good where it is both high and to the left. */
export function LikelihoodScatter({
  points: all,
  styles,
  threshold,
}: {
  points: readonly ReportPoint[];
  styles: RowStyles;
  threshold: number | null;
}) {
  const points = all.flatMap(({ row, harm, nll }) => (harm === null || nll === null ? [] : [{ row, x: nll, y: harm }]));
  if (points.length === 0) return null;
  const names = [...new Set(points.map(({ row }) => row))];
  const series = names.map((name) => ({
    name,
    style: styles.get(name) ?? 0,
    values: points.filter(({ row }) => row === name),
  }));
  return (
    <>
      <Legend names={series} />
      <ScatterChart
        title="Harm against NLL per token"
        caption="one point per dialogue; up is more harmful, left is likelier"
        xLabel="mean NLL of the adversary’s utterances, nats per token"
        yLabel="harm of the worst reply"
        series={series}
        threshold={threshold}
      />
    </>
  );
}

export function TrainingCharts({ training, styles }: { training: readonly TrainingCurves[]; styles: RowStyles }) {
  const attacks = [...new Set(training.map(({ attack }) => attack))];
  return (
    <>
      {attacks.map((attack) => (
        <section class="attack" aria-label={`Training of ${attack}`}>
          <h3>
            <Dot style={styles.get(attack) ?? 0} />
            {attack}
          </h3>
          <div class="charts">
            {training
              .filter((entry) => entry.attack === attack)
              .map(({ metric, curves }) => (
                <LineChart
                  title={metricHeading(metric)}
                  caption={captionOf(curves)}
                  metric={metric}
                  xLabel="step"
                  series={curves.map(({ set, points }) => ({
                    name: set,
                    style: styles.get(attack) ?? 0,
                    values: points,
                    dashed: set === 'train' && curves.length > 1,
                    marks: set === 'dev',
                  }))}
                />
              ))}
          </div>
        </section>
      ))}
    </>
  );
}

function captionOf(curves: readonly Curve[]): string {
  const [only] = curves;
  if (curves.length === 1 && only !== undefined) return only.set === 'dev' ? 'dev prompts' : 'while training';
  return 'dashed: while training; with marks: dev prompts';
}
