/** A sweep: its points by their values, each with the row in which the target failed most. */
import type { FoundRow, SweepSummary } from '../../src/server/runs/protocol.js';
import { FailureOf, useAnswer } from './answers.js';
import { askSweep } from './api.js';
import { arrow, intervalText, metricText } from './figures.js';
import { linkTo, linkToComparison } from './route.js';
import { metricNames } from './rowsTable.js';
import { SweepPicture } from './sweepPicture.js';
import { withToken } from '../shared/ask.js';
import { runs } from './runList.js';

export function SweepRoom({ id }: { readonly id: string }) {
  // The list tells when a point has changed.
  const version = [...runs.value.values()]
    .filter(({ sweep }) => sweep === id)
    .map(({ status }) => status)
    .join(' ');
  const answer = useAnswer(`${id}\n${version}`, () => askSweep(id), null);
  const { value: summary, error } = answer.value;
  return (
    <>
      <h1 tabIndex={-1}>Sweep {id}</h1>
      <FailureOf error={error} />
      {summary === null ? null : <Points summary={summary} />}
    </>
  );
}

function Points({ summary }: { readonly summary: SweepSummary }) {
  const { run, keys, points, metrics } = summary;
  const { main } = metricNames(points.flatMap(({ rows }) => rows));
  const done = points.filter(({ rows }) => rows.length > 0).map(({ id }) => id);
  return (
    <>
      <p class="row tools">
        {done.length < 2 ? null : (
          <a class="button strong" href={linkToComparison(done.slice(0, 12))}>
            Compare {Math.min(12, done.length)} points
          </a>
        )}
        <a class="button" href={withToken('/report', { id: run.id })} target="_blank" rel="noreferrer">
          Report
        </a>
      </p>
      <SweepPicture summary={summary} names={main} />
      <div class="table" role="region" aria-label="Points" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Point</th>
              <th scope="col">Status</th>
              {keys.map((key) => (
                <th key={key} scope="col">
                  {key}
                </th>
              ))}
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
            {points.flatMap((point) =>
              (point.rows.length === 0 ? [null] : point.rows).map((row, i) => (
                <tr key={`${point.id} ${row === null ? '' : `${row.name} ${row.judge}`}`}>
                  <th scope="row">
                    {i > 0 ? (
                      <span class="unseen">{point.name}</span>
                    ) : (
                      <a href={linkTo('run', { id: point.id })}>{point.name}</a>
                    )}
                  </th>
                  <td>{i > 0 ? '' : <span class={`status ${point.status}`}>{point.status}</span>}</td>
                  {keys.map((key) => (
                    <td key={key}>{i > 0 ? '' : point.values[key]}</td>
                  ))}
                  <td>{row?.name ?? ''}</td>
                  {main.map((name) => (
                    <Cell key={name} row={row} name={name} unit={metrics[name]?.unit} />
                  ))}
                </tr>
              )),
            )}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Cell({
  row,
  name,
  unit,
}: {
  readonly row: FoundRow | null;
  readonly name: string;
  readonly unit: string | undefined;
}) {
  const value = row?.metrics[name];
  if (value === undefined) return <td class="number">–</td>;
  return (
    <td class="number">
      {metricText(value.mean, unit)}
      <span class="soft">{intervalText(value, unit)}</span>
    </td>
  );
}
