/** One run: how far it is, what was found, its curves, its recipe. */
import type { EstimateFacts, ListedRun, LoopCellFacts, RunSummary } from '../../src/server/runs/protocol.js';
import { FailureOf, useAnswer } from './answers.js';
import { askRun } from './api.js';
import { Curves } from './curves.js';
import { amount, countOf, duration, intervalText, inWords, metricText, moment, percent } from './figures.js';
import { Frontier } from './frontier.js';
import { seriesOf } from './metrics.js';
import { linkTo } from './route.js';
import { metricNames, RowsTable } from './rowsTable.js';
import { runs } from './runList.js';
import { StatusMark } from './runsRoom.js';

export function RunRoom({ id }: { readonly id: string }) {
  const answer = useAnswer(id, () => askRun(id), id);
  const { value: summary, error } = answer.value;
  const run = runs.value.get(id) ?? summary?.run ?? null;
  return (
    <>
      <h1 tabIndex={-1}>{id === '.' ? (run?.name ?? id) : id}</h1>
      <FailureOf error={error} />
      {run === null ? null : <Facts run={run} />}
      {summary === null ? null : (
        <>
          <p class="row tools">
            <a class="button strong" href={linkTo('dialogues', { id })}>
              Dialogues
            </a>
            {run?.sweep == null ? null : (
              <a class="button" href={linkTo('sweep', { id: run.sweep })}>
                Sweep {run.sweep}
              </a>
            )}
          </p>
          <Found summary={summary} />
        </>
      )}
      <section aria-labelledby="curves">
        <h2 id="curves">Curves</h2>
        <Curves sources={[{ name: null, series: seriesOf(id) }]} />
      </section>
      {summary === null ? null : <About summary={summary} />}
    </>
  );
}

function Facts({ run }: { readonly run: ListedRun }) {
  const { progress, spent } = run;
  const share = progress === null ? null : Math.min(1, progress.epoch / progress.epochs);
  return (
    <section aria-label="State" class="state">
      <p class="facts">
        <StatusMark run={run} />
        <span>{duration(run.elapsedSeconds)}</span>
        <span>started {moment(run.startedAt)}</span>
        <span>target {run.target}</span>
        {run.attacks.length === 0 ? null : <span>attack {run.attacks.join(', ')}</span>}
        {run.seed === null ? null : <span>seed {run.seed}</span>}
      </p>
      {run.reason === null ? null : <p class="reason">{run.reason}</p>}
      {progress === null || share === null ? null : (
        <progress
          value={share}
          max={1}
          aria-label={`${progress.stage}: epoch ${String(progress.epoch)} of ${String(progress.epochs)}`}
        />
      )}
      <ul class="spent" aria-label="Spent so far">
        {Object.entries(spent)
          .filter(([name]) => name !== 'seconds')
          .map(([name, value]) => (
            <li key={name}>
              <b>{name === 'cost' ? `$${value.toFixed(2)}` : amount(value)}</b> {inWords(name)}
            </li>
          ))}
      </ul>
    </section>
  );
}

function Found({ summary }: { readonly summary: RunSummary }) {
  const { rows, metrics, findings, notes, loop, estimates } = summary;
  if (rows.length === 0 && notes.length === 0) return <p class="soft">Nothing is evaluated yet.</p>;
  const { main, others } = metricNames(rows);
  const lines = rows.map((row) => ({ key: `${row.name} ${row.judge}`, title: row.name, row }));
  return (
    <section aria-labelledby="found">
      <h2 id="found">Found</h2>
      {findings.map((finding) => (
        <p key={finding} class="finding">
          {finding}
        </p>
      ))}
      {rows.length === 0 ? null : <RowsTable label="Rows" rows={lines} metrics={metrics} shown={main} />}
      {others.length === 0 ? null : (
        <details>
          <summary>All other measures ({others.length})</summary>
          <RowsTable label="All other measures" rows={lines} metrics={metrics} shown={others} />
        </details>
      )}
      <Frontier rows={rows.map((row) => ({ label: row.name, group: 0, row }))} />
      <Loop cells={loop} />
      <Estimates estimates={estimates} />
      {notes.length === 0 ? null : (
        <ul class="notes" aria-label="Notes">
          {notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** Adversaries down, the targets of the rounds across. */
function Loop({ cells }: { readonly cells: readonly LoopCellFacts[] }) {
  if (cells.length === 0) return null;
  const rounds = [...new Map(cells.map(({ round, target }) => [round, target]))];
  const adversaries = [...new Set(cells.map(({ adversary }) => adversary))];
  return (
    <>
      <h3>Rounds: replies failed ↓</h3>
      <div class="table" role="region" aria-label="Rounds of attack and mending" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Adversary</th>
              {rounds.map(([round, target]) => (
                <th key={round} scope="col" class="number">
                  {target}
                  <span class="soft">round {round}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {adversaries.map((adversary) => (
              <tr key={adversary}>
                <th scope="row">{adversary}</th>
                {rounds.map(([round]) => {
                  const cell = cells.find((each) => each.round === round && each.adversary === adversary);
                  const rate = cell?.rate ?? null;
                  return (
                    <td key={round} class={`number heat h${String(Math.min(4, Math.floor(5 * (rate?.mean ?? 0))))}`}>
                      {rate === null ? '–' : percent(rate.mean)}
                      {rate === null ? null : <span class="soft">{intervalText(rate, 'share')}</span>}
                      {cell?.fresh === true ? <span class="soft">trained on it</span> : null}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Estimates({ estimates }: { readonly estimates: readonly EstimateFacts[] }) {
  if (estimates.length === 0) return null;
  return (
    <>
      <h3>Estimates of ordinary use</h3>
      <ul class="notes">
        {estimates.map(({ name, event, probability }) => (
          <li key={name}>
            {name}: {metricText(probability.mean, '')} ({intervalText(probability, '')}){' '}
            {event === '' ? '' : `per ${event}`}
          </li>
        ))}
      </ul>
    </>
  );
}

function About({ summary }: { readonly summary: RunSummary }) {
  const { recipe, versions, units, folder, labels, hasReportPage, run } = summary;
  return (
    <section aria-labelledby="about">
      <h2 id="about">About this run</h2>
      <dl class="about">
        <dt>Folder</dt>
        <dd>
          <code>{folder}</code>
        </dd>
        <dt>Report</dt>
        <dd>{hasReportPage ? <code>{folder}/report.html</code> : <code>gadfly report {folder} --format html</code>}</dd>
        <dt>Labels</dt>
        <dd>
          {labels === null ? 'none' : countOf(labels, 'choice')}, given with <code>gadfly label {folder}</code>
        </dd>
        {run.status === 'interrupted' || run.status === 'failed' ? (
          <>
            <dt>Go on</dt>
            <dd>
              <code>gadfly run --resume {folder}</code>
            </dd>
          </>
        ) : null}
        <dt>Versions</dt>
        <dd>
          {Object.entries(versions)
            .map(([name, version]) => `${name} ${version}`)
            .join(', ')}
        </dd>
        <dt>Finished</dt>
        <dd>{units.length === 0 ? 'nothing yet' : units.map(({ unit }) => unit).join(', ')}</dd>
      </dl>
      <details>
        <summary>Recipe, with every default</summary>
        <pre tabIndex={0}>{recipe}</pre>
      </details>
    </section>
  );
}
