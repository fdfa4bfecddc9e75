/** Attack and mend, round by round: who makes which target fail, what guards each target's ability, and the course over
 *  the rounds. */
import type { LoopEntry, MetricSummary } from '../../report/report.js';
import { Interval } from './interval.js';
import { Dot, Legend, LineChart, pairWidth } from './charts.js';
import { loopFindings } from '../../report/findings.js';
import { loopMatrix } from '../../report/loopMatrix.js';
import type { LoopCell, LoopMatrix } from '../../report/loopMatrix.js';
import { describeMetric, formatMetric, metricHeading, metricMeaning } from '../../report/metrics.js';
import type { RowStyles } from './results.js';

/** Steps of the colour scale, from none to the highest rate of the matrix. */
const heatSteps = 6;

export function LoopResults({ loop, styles }: { loop: readonly LoopEntry[]; styles: RowStyles }) {
  const matrix = loopMatrix(loop);
  return (
    <>
      {loopFindings(loop).map((sentence) => (
        <p class="finding">{sentence}</p>
      ))}
      <MatrixTable matrix={matrix} styles={styles} />
      <RoundChart matrix={matrix} styles={styles} />
    </>
  );
}

function MatrixTable({ matrix, styles }: { matrix: LoopMatrix; styles: RowStyles }) {
  const { adversaries, rounds, guards, cell, highest } = matrix;
  return (
    <>
      <div class="scroll fit" tabIndex={0} role="region" aria-label="Failure rates by adversary and target">
        <table class="matrix">
          <thead>
            <tr>
              <th scope="col">share of replies failed</th>
              {rounds.map(({ round, target }) => (
                <th scope="col">
                  <small>round {round}, target</small>
                  {target}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {adversaries.map((adversary) => (
              <tr>
                <th scope="row">
                  <Dot style={styles.get(adversary) ?? 0} />
                  {adversary}
                </th>
                {rounds.map(({ round }) => (
                  <RateCell cell={cell(adversary, round)} highest={highest} />
                ))}
              </tr>
            ))}
          </tbody>
          {guards.length > 0 && (
            <tbody class="guards">
              <tr>
                <th scope="rowgroup" colSpan={rounds.length + 1}>
                  What guards each target’s ability
                </th>
              </tr>
              {guards.map((guard) => (
                <tr>
                  <th scope="row" title={metricMeaning(guard)}>
                    {metricHeading(guard)}
                  </th>
                  {rounds.map(({ guards: { [guard]: summary } }) => (
                    <td>
                      {summary === undefined ? (
                        <span class="absent">–</span>
                      ) : (
                        <>
                          {formatMetric(guard, summary.mean)}
                          <Interval metric={guard} of={summary} />
                        </>
                      )}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          )}
        </table>
      </div>
      <p class="aside heat-key">
        <span>
          <span class="fresh">◆ fresh</span> trained against this very target; the others are earlier adversaries,
          played again. Blank: not played.
        </span>
        <span class="heat-scale">
          0%
          <span aria-hidden="true">
            {Array.from({ length: heatSteps + 1 }, (_, step) => (
              <i class={`h${step}`} />
            ))}
          </span>
          {formatMetric('replyFailureRate', highest)}
        </span>
      </p>
    </>
  );
}

function RateCell({ cell, highest }: { cell: LoopCell | null; highest: number }) {
  if (cell === null) {
    return (
      <td class="blank">
        <span class="unseen">not played</span>
      </td>
    );
  }
  const { rate, fresh } = cell;
  const step = rate.mean === 0 ? 0 : Math.max(1, Math.round((heatSteps * rate.mean) / highest));
  return (
    <td class={`heat h${step}${fresh ? ' is-fresh' : ''}`}>
      <b>{formatMetric('replyFailureRate', rate.mean)}</b>
      <Interval metric="replyFailureRate" of={rate} />
      {fresh && <span class="fresh">◆ fresh</span>}
    </td>
  );
}

/** Fresh adversaries as one line over the rounds, the strongest of each; and every adversary that was played more than
 *  once as its own. */
function RoundChart({
  matrix: { adversaries, rounds, cell, strongestFresh },
  styles,
}: {
  matrix: LoopMatrix;
  styles: RowStyles;
}) {
  if (rounds.length < 2) return null;
  const valuesOf = (rateIn: (round: number) => { readonly rate: MetricSummary } | null, shift: number) =>
    rounds.flatMap(({ round }) => {
      const found = rateIn(round);
      return found === null
        ? []
        : [{ x: round + shift, y: found.rate.mean, low: found.rate.low, high: found.rate.high }];
    });
  const again = adversaries.filter(
    (adversary) => rounds.filter(({ round }) => cell(adversary, round) !== null).length > 1,
  );
  const shiftOf = (i: number): number => (i - again.length / 2) * 0.05;
  const freshStyle = 1 + Math.max(0, ...adversaries.map((adversary) => styles.get(adversary) ?? 0));
  const series = [
    ...again.map((adversary, i) => ({
      name: adversary,
      style: styles.get(adversary) ?? 0,
      marks: true,
      dashed: true,
      values: valuesOf((round) => cell(adversary, round), shiftOf(i)),
    })),
    {
      name: 'the fresh adversary of each round',
      style: freshStyle,
      marks: true,
      strong: true,
      values: valuesOf(strongestFresh, shiftOf(again.length)),
    },
  ];
  return (
    <div class="round-chart">
      <Legend names={series} />
      <div class="charts pairs">
        <LineChart
          title={metricHeading('replyFailureRate')}
          caption="by round, with 95% intervals; dashed: one adversary against every target"
          metric="replyFailureRate"
          xLabel="round"
          wholeX
          width={pairWidth}
          series={series}
        />
        <GuardChart rounds={rounds} />
      </div>
    </div>
  );
}

/** Shows the cost of the mending beside its gain. */
function GuardChart({ rounds }: Pick<LoopMatrix, 'rounds'>) {
  const metric = 'ordinaryNllChange';
  const values = rounds.flatMap(({ round, guards: { [metric]: summary } }) => {
    if (summary === undefined) return [];
    const { mean, low, high } = summary;
    return [{ x: round, y: mean, low, high }];
  });
  if (values.length < 2) return null;
  return (
    <LineChart
      title={metricHeading(metric)}
      caption="above zero, ordinary dialogue is less likely than before mending"
      metric={metric}
      xLabel="round"
      wholeX
      zeroLine
      width={pairWidth}
      series={[{ name: describeMetric(metric).label, style: 0, marks: true, values }]}
    />
  );
}
