/** The run that was started from the page, above every room: where it stands, its output, and how to stop it. */
import { useState } from 'preact/hooks';
import { job, stopJob } from './jobs.js';
import { linkTo } from './route.js';
import { runs } from './runList.js';

const states = { running: 'running', stopping: 'stopping, its state is being saved …', ended: 'ended' } as const;

export function JobBar() {
  const [error, setError] = useState<string | null>(null);
  if (job.value === null) return null;
  const { id, command, state, exitCode, log } = job.value;
  const end =
    state !== 'ended'
      ? ''
      : exitCode === null
        ? ' by a signal'
        : exitCode === 0
          ? ''
          : `, exit code ${String(exitCode)}`;
  return (
    <section class="job" aria-label="Run started from this page">
      <p class="row tools">
        <span role="status">
          {runs.value.has(id) ? <a href={linkTo('run', { id })}>{id}</a> : id} {states[state]}
          {end}
        </span>
        {state === 'running' ? (
          <button
            type="button"
            onClick={() => {
              stopJob().catch((reason: unknown) => {
                setError(reason instanceof Error ? reason.message : String(reason));
              });
            }}
          >
            Stop {id}
          </button>
        ) : null}
        {error === null ? null : <span role="alert">{error}</span>}
      </p>
      <details>
        <summary>Output</summary>
        <pre tabIndex={0}>{`$ ${command}\n${log}`}</pre>
      </details>
    </section>
  );
}
