/** All runs: a table to sort and filter, from which any set is compared. */
import { signal } from '@preact/signals';
import type { ListedRun } from '../../src/server/runs/protocol.js';
import { amount, countOf, duration, intervalText, metricText, moment } from './figures.js';
import { linkTo, linkToComparison } from './route.js';
import {
  choose,
  chosen,
  counts,
  filter,
  isListWhole,
  runs,
  shownRuns,
  sortBy,
  sorting,
  type SortKey,
} from './runList.js';

const step = 100;
const limit = signal(step);
const mostCompared = 12;

export function RunsRoom() {
  const found = shownRuns.value;
  const rows = found.slice(0, limit.value);
  return (
    <>
      <h1 tabIndex={-1}>Runs</h1>
      <p class="facts" role="status">
        {countOf(runs.value.size, 'run or sweep', 'runs and sweeps')}
        {counts.value.map((count) => ` · ${count}`)}
        {isListWhole.value ? '' : ' · reading …'}
      </p>
      <div class="row tools">
        <label class="grow">
          <span class="unseen">Filter by name, status, target or attack</span>
          <input
            type="search"
            placeholder="Filter: name, status, target, attack"
            value={filter.value}
            onInput={({ currentTarget }) => {
              filter.value = currentTarget.value;
              limit.value = step;
            }}
          />
        </label>
        <CompareLink />
        <a class="button" href={linkTo('start')}>
          Start a recipe
        </a>
      </div>
      {runs.value.size === 0 ? (
        <p class="empty">
          {isListWhole.value ? 'No run below this folder yet: `gadfly run demo` makes one.' : 'Reading …'}
        </p>
      ) : (
        <div class="table" role="region" aria-label="Runs" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">
                  <span class="unseen">Compare</span>
                </th>
                {columns.map(({ key, title, hint }) => (
                  <Heading key={key} by={key} title={title} hint={hint} />
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((run) => (
                <Row key={run.id} run={run} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {found.length > rows.length ? (
        <button type="button" class="more" onClick={() => (limit.value += 500)}>
          Show {amount(Math.min(500, found.length - rows.length))} more of {amount(found.length)}
        </button>
      ) : null}
      {runs.value.size > 0 && found.length === 0 ? <p class="empty">No run matches.</p> : null}
    </>
  );
}

const columns: readonly { readonly key: SortKey; readonly title: string; readonly hint?: string }[] = [
  { key: 'name', title: 'Run' },
  { key: 'status', title: 'Status' },
  { key: 'target', title: 'Target' },
  { key: 'attack', title: 'Attack' },
  {
    key: 'rate',
    title: 'Failed ↓',
    hint: 'share of replies that failed, in the row in which most did; lower is better for the target',
  },
  { key: 'nll', title: 'NLL', hint: 'nats per token of the adversary under the target; lower is likelier' },
  { key: 'harm', title: 'Harm ↓', hint: 'mean harm of replies; lower is better for the target' },
  { key: 'replies', title: 'Replies', hint: 'replies of the target that were spent' },
  { key: 'elapsed', title: 'Time' },
  { key: 'started', title: 'Started' },
];

function Heading({
  by,
  title,
  hint,
}: {
  readonly by: SortKey;
  readonly title: string;
  readonly hint: string | undefined;
}) {
  const { by: sorted, isDown } = sorting.value;
  return (
    <th scope="col" aria-sort={sorted === by ? (isDown ? 'descending' : 'ascending') : 'none'}>
      <button
        type="button"
        class="heading"
        title={hint}
        onClick={() => {
          sortBy(by);
        }}
      >
        {title}
        <span aria-hidden="true">{sorted === by ? (isDown ? ' ▾' : ' ▴') : ''}</span>
      </button>
    </th>
  );
}

function Row({ run }: { readonly run: ListedRun }) {
  const isChosen = chosen.value.includes(run.id);
  const { headline, points } = run;
  return (
    <tr class={isChosen ? 'chosen' : undefined}>
      <td>
        {run.kind === 'run' ? (
          <input
            type="checkbox"
            aria-label={`Compare ${run.id}`}
            checked={isChosen}
            onChange={({ currentTarget }) => {
              choose(run.id, currentTarget.checked);
            }}
          />
        ) : null}
      </td>
      <th scope="row">
        <a href={linkTo(run.kind, { id: run.id })}>{run.id === '.' ? run.name : run.id}</a>
        <span class="soft">{run.kind === 'sweep' ? 'sweep' : run.name}</span>
      </th>
      <td>
        <StatusMark run={run} />
      </td>
      <td>{run.target}</td>
      <td>
        {run.attacks.join(', ')}
        {headline === null || run.attacks.includes(headline.name) ? null : <span class="soft">{headline.name}</span>}
      </td>
      <MetricCell run={run} name="replyFailureRate" unit="share" />
      <MetricCell run={run} name="adversaryNll" unit="" />
      <MetricCell run={run} name="replyHarm" unit="" />
      <td class="number">
        {points === null
          ? amount(run.spent['targetReplies'] ?? 0)
          : `${amount(points.done)} of ${amount(points.all)} points`}
      </td>
      <td class="number">{run.kind === 'sweep' ? '' : duration(run.elapsedSeconds)}</td>
      <td>{moment(run.startedAt)}</td>
    </tr>
  );
}

function MetricCell({
  run: { headline },
  name,
  unit,
}: {
  readonly run: ListedRun;
  readonly name: string;
  readonly unit: string;
}) {
  const value = headline?.metrics[name];
  if (value === undefined) return <td class="number soft">–</td>;
  return (
    <td class="number">
      {metricText(value.mean, unit)}
      <span class="soft">{intervalText(value, unit)}</span>
    </td>
  );
}

export function StatusMark({ run: { status, reason, progress } }: { readonly run: ListedRun }) {
  return (
    <>
      <span class={`status ${status}`} title={reason ?? undefined}>
        {status}
      </span>
      {progress === null ? null : (
        <span class="soft">
          epoch {progress.epoch} of {progress.epochs}
          {progress.secondsLeft === null ? '' : `, ${duration(progress.secondsLeft)} left`}
        </span>
      )}
    </>
  );
}

function CompareLink() {
  const ids = chosen.value;
  if (ids.length < 2)
    return <span class="soft hint">{ids.length === 0 ? 'Tick runs to compare them' : 'Tick one more to compare'}</span>;
  if (ids.length > mostCompared) return <span class="soft hint">At most {mostCompared} runs are compared</span>;
  return (
    <a class="button strong" href={linkToComparison(ids)}>
      Compare {ids.length}
    </a>
  );
}
