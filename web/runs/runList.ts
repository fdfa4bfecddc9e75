/** The runs that the page knows, what of them is shown in which order, and which are chosen to be compared. */
import { computed, signal } from '@preact/signals';
import type { ListedRun, LiveEvent } from '../../src/server/runs/protocol.js';
import { amount } from './figures.js';

export const runs = signal<ReadonlyMap<string, ListedRun>>(new Map());
/** False until the server has read all reports. */
export const isListWhole = signal(false);
export const filter = signal('');
export const chosen = signal<readonly string[]>([]);
export const sorting = signal<{ readonly by: SortKey; readonly isDown: boolean }>({ by: 'started', isDown: true });

export type SortKey =
  'name' | 'status' | 'target' | 'attack' | 'started' | 'elapsed' | 'replies' | 'rate' | 'harm' | 'nll';

const keys: Readonly<Record<SortKey, (run: ListedRun) => string | number>> = {
  name: ({ name, id }) => `${name} ${id}`,
  status: ({ status }) => status,
  target: ({ target }) => target,
  attack: ({ attacks }) => attacks.join(', '),
  started: ({ startedAt }) => startedAt,
  elapsed: ({ elapsedSeconds }) => elapsedSeconds,
  replies: ({ spent }) => spent['targetReplies'] ?? 0,
  rate: (run) => metricOf(run, 'replyFailureRate'),
  harm: (run) => metricOf(run, 'replyHarm'),
  nll: (run) => metricOf(run, 'adversaryNll'),
};

function metricOf({ headline }: ListedRun, name: string): number {
  return headline?.metrics[name]?.mean ?? -Infinity;
}

let sinceMs = 0;

/** Returns up to which change every run is known here. */
export function listSinceMs(): number {
  return sinceMs;
}

export function takeList({ changed, ids, isWhole }: Extract<LiveEvent, { kind: 'list' }>): void {
  const next = new Map(runs.value);
  for (const run of changed) next.set(run.id, run);
  if (ids !== null) {
    const known = new Set(ids);
    for (const id of next.keys()) if (!known.has(id)) next.delete(id);
    chosen.value = chosen.value.filter((id) => known.has(id));
  }
  runs.value = next;
  isListWhole.value = isWhole;
  if (isWhole) sinceMs = [...next.values()].reduce((most, run) => Math.max(most, run.changedMs), 0);
}

export const shownRuns = computed(() => {
  const words = filter.value.toLowerCase().split(/\s+/);
  const { by, isDown } = sorting.value;
  const found = [...runs.value.values()].filter((run) => {
    const text = [run.id, run.name, run.status, run.target, ...run.attacks].join(' ').toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const compare = (a: ListedRun, b: ListedRun): number => {
    const [x, y] = [keys[by](a), keys[by](b)];
    const order =
      typeof x === 'string'
        ? x.localeCompare(String(y), 'en', { numeric: true })
        : x === y
          ? 0
          : x < Number(y)
            ? -1
            : 1;
    return (isDown ? -order : order) || a.id.localeCompare(b.id, 'en', { numeric: true });
  };
  return found.sort(compare);
});

export const counts = computed(() => {
  const states = [...runs.value.values()].filter(({ kind }) => kind === 'run').map(({ status }) => status);
  return [...new Set(states)]
    .sort()
    .map((status) => `${amount(states.filter((each) => each === status).length)} ${status}`);
});

export function sortBy(by: SortKey): void {
  const { by: before, isDown } = sorting.value;
  const isText = by === 'name' || by === 'status' || by === 'target' || by === 'attack';
  sorting.value = { by, isDown: before === by ? !isDown : !isText };
}

export function choose(id: string, isChosen: boolean): void {
  const others = chosen.value.filter((each) => each !== id);
  chosen.value = isChosen ? [...others, id] : others;
}
