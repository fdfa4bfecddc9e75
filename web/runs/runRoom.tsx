/** One run: how far it is, what was found, its curves, its recipe. */
import type { ListedRun, RunSummary } from '../../src/server/runs/protocol.js';
import { withToken } from '../shared/ask.js';
import { FailureOf, useAnswer } from './answers.js';
import { askRun } from './api.js';
import { Curves } from './curves.js';
import { amount, countOf, duration, inWords, moment } from './figures.js';
import { Found } from './found.js';
import { seriesOf } from './metrics.js';
import { linkTo } from './route.js';
import { runs } from './runList.js';
import { StatusMark } from './runsRoom.js';

const goOnStates: readonly string[] = ['interrupted', 'failed', 'stopped'];

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
            <a class="button" href={withToken('/report', { id })} target="_blank" rel="noreferrer">
              Report
            </a>
            {run !== null && goOnStates.includes(run.status) ? (
              <a class="button" href={linkTo('start', { resume: id })}>
                Go on
              </a>
            ) : null}
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

function About({ summary }: { readonly summary: RunSummary }) {
  const { recipe, versions, units, folder, labels, run } = summary;
  return (
    <section aria-labelledby="about">
      <h2 id="about">About this run</h2>
      <dl class="about">
        <dt>Folder</dt>
        <dd>
          <code>{folder}</code>
        </dd>
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
