/** A line of the list: what the files of a run or of a sweep say of it. */
import { join } from 'node:path';
import { isJsonObject, type JsonObject } from '../../base/json.js';
import { readSweepFile } from '../../report/sweepFile.js';
import { isLocked } from '../../runs/lock.js';
import { type Manifest, readManifest } from '../../runs/manifest.js';
import { logPath } from '../../runs/runLogs.js';
import { changedMs, type FoundRun } from './findRuns.js';
import type { ListedRun } from './protocol.js';
import { exploitsOf, lastRecord, progressOf } from './runProgress.js';
import { headlineOf, readRunReport } from './runReport.js';

/** Returns when the files behind a line were last changed, milliseconds since 1970. */
export function changeOf({ kind, folder }: FoundRun): number {
  const files = kind === 'sweep' ? ['sweep.json'] : ['manifest.json', 'report.json', 'metrics.jsonl', 'run.lock'];
  return Math.max(...files.map((file) => changedMs(join(folder, file)) ?? 0));
}

/** Reads a line; a run whose files are damaged gets one that says so. */
export function readListedRun(found: FoundRun, changed: number): ListedRun {
  const { id, kind, sweep } = found;
  const line = { id, kind, sweep, changedMs: changed };
  try {
    return { ...line, ...(kind === 'sweep' ? readSweep(found) : readRun(found)) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      ...line,
      ...nothingKnown,
      name: id.split('/').at(-1) ?? id,
      status: 'damaged',
      reason,
    };
  }
}

const nothingKnown = {
  reason: null,
  target: '',
  attacks: [],
  seed: null,
  startedAt: '',
  elapsedSeconds: 0,
  spent: {},
  progress: null,
  headline: null,
  points: null,
} as const;

type Read = Omit<ListedRun, 'id' | 'kind' | 'sweep' | 'changedMs'>;

function readRun({ folder }: FoundRun): Read {
  const manifest = readManifest(folder);
  const { name, configuration, seed, createdAt, elapsedMs, spent } = manifest;
  const state = stateOf(manifest, folder);
  const last = state.status === 'running' ? lastRecord(logPath(folder, 'metrics')) : null;
  const report = readRunReport(folder);
  const now = last === null ? {} : spentIn(last);
  return {
    ...nothingKnown,
    ...state,
    name,
    ...askedIn(configuration),
    seed,
    startedAt: createdAt,
    // The manifest of a run in work is written at its checkpoints; its metrics are newer.
    elapsedSeconds: Math.max(elapsedMs / 1000, typeof last?.['time'] === 'number' ? last['time'] : 0),
    spent: positive({ ...spent, ...now }),
    progress: last === null ? null : progressOf(manifest, last),
    headline: report === null ? null : headlineOf(report),
  };
}

/** A run that says that it is running, and whose process is gone, was killed. */
function stateOf({ status, reason }: Manifest, folder: string): Pick<ListedRun, 'status' | 'reason'> {
  if (status !== 'running' || isLocked(join(folder, 'run.lock'))) return { status, reason: reason ?? null };
  return { status: 'interrupted', reason: 'its process has ended without a word; `gadfly run --resume` goes on' };
}

function readSweep({ folder }: FoundRun): Read {
  const { name, status, points, configuration, createdAt } = readSweepFile(folder);
  return {
    ...nothingKnown,
    name,
    status,
    ...askedIn(configuration),
    startedAt: createdAt,
    points: { done: points.filter((point) => point.status === 'done').length, all: points.length },
  };
}

function askedIn(configuration: JsonObject): Pick<ListedRun, 'target' | 'attacks'> {
  const { target } = configuration;
  const model = isJsonObject(target) ? target['model'] : null;
  return {
    target: typeof model === 'string' ? model : '',
    attacks: [
      ...new Set(exploitsOf(configuration).flatMap(({ attack }) => (typeof attack === 'string' ? [attack] : []))),
    ],
  };
}

function spentIn(record: JsonObject): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(record).flatMap(([key, value]) =>
      key.startsWith('spent/') && typeof value === 'number' ? [[key.slice('spent/'.length), value]] : [],
    ),
  );
}

function positive(amounts: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(amounts).filter(([, amount]) => amount > 0));
}
