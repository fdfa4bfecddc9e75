/** Tells a page what happens while it is open: changes of the list, new lines of metrics by cursor, and that a summary or
 *  dialogues are no longer what they were. The page says how far it has read, so that nothing comes twice, neither after
 *  a break nor from a server that was started anew. */
import { setTimeout } from 'node:timers/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.js';
import { isJsonObject } from '../../base/json.js';
import { logPath } from '../../runs/runLogs.js';
import { changedMs } from './findRuns.js';
import { eachLine, readAfter } from './logCursor.js';
import type { Cursor, ListedRun, LiveEvent, LiveRequest, MetricRecord } from './protocol.js';
import { runFolder } from './runId.js';
import type { RunList } from './runList.js';

export interface LiveOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Time between two looks at the files; default 1000. */
  readonly everyMs?: number;
}

/** A connection without news says after this time that it lives. */
const beatMs = 10_000;

/** Yields events until the signal aborts. @throws ApiError for a run that is not there, before the first event */
export async function* liveEvents(
  list: RunList,
  request: LiveRequest,
  { clock, signal, everyMs = 1000 }: LiveOptions,
): AsyncGenerator<LiveEvent> {
  const followers = request.runs.map(({ id, cursor }) => followRun(id, runFolder(list.root, id), cursor));
  const listed = request.list === null ? null : followList(list, request.list.sinceMs);
  yield { kind: 'beat' };
  let saidMs = clock.monotonicMs();
  while (!signal.aborted) {
    const events = [...(listed === null ? [] : await listed()), ...followers.flatMap((follow) => follow())];
    yield* events;
    const now = clock.monotonicMs();
    if (events.length > 0) saidMs = now;
    else if (now - saidMs >= beatMs) {
      saidMs = now;
      yield { kind: 'beat' };
    }
    if (listed !== null && !list.isWhole) continue;
    await setTimeout(everyMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Returns a function that gives the changes of the list since its last call. */
function followList(list: RunList, sinceMs: number): () => Promise<readonly LiveEvent[]> {
  const told = new Map<string, number>();
  let ids: string | null = null;
  let wasWhole = false;
  return async () => {
    await list.refresh();
    const changed: ListedRun[] = [];
    for (const line of list.lines) {
      if (line.changedMs <= sinceMs || told.get(line.id) === line.changedMs) continue;
      told.set(line.id, line.changedMs);
      changed.push(line);
    }
    const now = list.ids.join('\n');
    const areOther = now !== ids;
    const isNews = changed.length > 0 || areOther || (list.isWhole && !wasWhole);
    ids = now;
    wasWhole = list.isWhole;
    return isNews ? [{ kind: 'list', changed, ids: areOther ? list.ids : null, isWhole: list.isWhole }] : [];
  };
}

/** Returns a function that gives what happened to a run since its last call. */
function followRun(id: string, folder: string, from: Cursor): () => readonly LiveEvent[] {
  const watched = [
    { what: 'summary', files: ['manifest.json', 'report.json', 'run.lock'] },
    { what: 'dialogues', files: ['rollouts.jsonl'] },
  ] as const;
  const look = (files: readonly string[]): string => files.map((file) => changedMs(join(folder, file)) ?? 0).join(' ');
  const known = new Map<string, string>();
  let cursor = from;
  return () => {
    const part = readAfter(logPath(folder, 'metrics'), cursor);
    const records: MetricRecord[] = [];
    eachLine(part, (line) => {
      const record = metricRecord(line);
      if (record !== null) records.push(record);
    });
    cursor = part.cursor;
    const events: LiveEvent[] = [];
    if (records.length > 0 || part.isReset)
      events.push({ kind: 'metrics', id, isReset: part.isReset, records, cursor });
    for (const { what, files } of watched) {
      const [before, now] = [known.get(what), look(files)];
      known.set(what, now);
      if (before !== undefined && before !== now) events.push({ kind: 'changed', id, what });
    }
    return events;
  };
}

/** Returns the numbers and words of a line; null for a line that is not an object, which the report names. */
function metricRecord(line: Buffer): MetricRecord | null {
  try {
    const value: unknown = JSON.parse(line.toString('utf8'));
    if (!isJsonObject(value)) return null;
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, each]) =>
        typeof each === 'number' || typeof each === 'string' ? [[key, each]] : [],
      ),
    );
  } catch {
    return null;
  }
}
