/** Several runs beside each other: differences to the first, the frontier, overlaid curves. */
import type { Comparison, RowDifference } from '../../src/server/runs/protocol.js';
import { FailureOf, useAnswer } from './answers.js';
import { askComparison } from './api.js';
import { Curves } from './curves.js';
import { arrow, changeInterval, changeText } from './figures.js';
import { Frontier } from './frontier.js';
import { seriesOf } from './metrics.js';
import { comparedIds, linkTo, linkToComparison } from './route.js';
import { metricNames } from './rowsTable.js';

export function CompareRoom() {
  const ids = comparedIds.value;
  const answer = useAnswer(ids.join('\n'), () => askComparison(ids), null);
  const { value: comparison, error } = answer.value;
  return (
    <>
      <h1 tabIndex={-1}>Compare {ids.length} runs</h1>
      <FailureOf error={error} />
      <ol class="compared">
        {ids.map((id, i) => (
          <li key={id}>
            <i class={`key c${String(i % 8)}`} aria-hidden="true" />
            <a href={linkTo('run', { id })}>{id}</a>
            {i === 0 ? (
              <span class="soft"> baseline</span>
            ) : (
              <a class="quiet" href={linkToComparison([id, ...ids.filter((each) => each !== id)])}>
                make it the baseline<span class="unseen"> ({id})</span>
              </a>
            )}
          </li>
        ))}
      </ol>
      {comparison === null ? null : <Differences comparison={comparison} ids={ids} />}
      <section aria-labelledby="curves">
        <h2 id="curves">Curves</h2>
        <Curves sources={ids.map((id) => ({ name: id, series: seriesOf(id) }))} />
      </section>
    </>
  );
}

function Differences({ comparison, ids }: { readonly comparison: Comparison; readonly ids: readonly string[] }) {
  const { differences, rows, metrics } = comparison;
  const { main } = metricNames(rows.flatMap((each) => each.rows));
  const points = rows.flatMap(({ run, rows: own }) =>
    own.map((row) => ({ label: `${row.name} · ${run}`, group: ids.indexOf(run), row })),
  );
  return (
    <section aria-labelledby="differences">
      <h2 id="differences">Differences to the baseline</h2>
      {differences.length === 0 ? (
        <p class="soft">The runs have no row of one name that was evaluated by the same judge.</p>
      ) : (
        <div class="table" role="region" aria-label="Table of differences" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">Run</th>
                <th scope="col">Row</th>
                {main.map((name) => (
                  <th key={name} scope="col" class="number" title={metrics[name]?.meaning}>
                    {metrics[name]?.label ?? name}
                    {arrow(metrics[name])}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {differences.map((difference) => (
                <tr key={`${difference.run} ${difference.row} ${difference.judge}`}>
                  <th scope="row">{difference.run}</th>
                  <td>
                    {difference.row}
                    <span class="soft">{difference.judge}</span>
                  </td>
                  {main.map((name) => (
                    <ChangeCell key={name} difference={difference} name={name} comparison={comparison} />
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <p class="soft hint">
        Bold: the 95% interval leaves zero out. Intervals take the runs as independent; of runs on the same prompts they
        are wider than need be.
      </p>
      <Frontier rows={points} />
    </section>
  );
}

function ChangeCell({
  difference,
  name,
  comparison,
}: {
  readonly difference: RowDifference;
  readonly name: string;
  readonly comparison: Comparison;
}) {
  const value = difference.metrics[name];
  const facts = comparison.metrics[name];
  if (value === undefined) return <td class="number">–</td>;
  const isClear = value.low !== value.high && (value.low > 0 || value.high < 0);
  const isBetter = facts?.better === 'lower' ? value.mean < 0 : facts?.better === 'higher' ? value.mean > 0 : null;
  const mark = !isClear || isBetter === null ? '' : isBetter ? ' better' : ' worse';
  return (
    <td class={`number${isClear ? ' clear' : ''}${mark}`}>
      {changeText(value.mean, facts?.unit)}
      {mark === '' ? null : <span class="unseen">{mark} for the target</span>}
      <span class="soft">{changeInterval(value, facts?.unit)}</span>
    </td>
  );
}
