/** A run as its records tell it: what a report is made from, whether the run is being written or only read. */
import { spentSince, type Totals } from '../base/spending.js';
import type { JsonObject } from '../base/json.js';
import { type Manifest, readManifest } from './manifest.js';
import { resolve } from 'node:path';
import { modelFolder } from './runFolders.js';
import { logPath } from './runLogs.js';

/** The part of a run directory that only reads; a RunDirectory is one. */
export interface RunRecords {
  /** Absolute. */
  readonly path: string;
  readonly manifest: Manifest;
  /** Time spent on this run, over all sessions. */
  readonly elapsedMs: number;
  /** Returns the result of a finished unit, else null. */
  readonly completed: (unit: string) => JsonObject | null;
  /** Returns what a finished unit has spent; null where an earlier version did not count it. */
  readonly spendingOf: (unit: string) => Totals | null;
  readonly modelPath: (name: string) => string;
  /** Returns the file of a log. */
  readonly log: (name: string) => { readonly path: string };
}

/** Reads a run without locking it. @throws ConfigError when the folder holds no run, FormatError when its manifest is
 *  damaged */
export function readRunRecords(folder: string): RunRecords {
  const path = resolve(folder);
  const manifest = readManifest(path);
  return {
    path,
    manifest,
    elapsedMs: manifest.elapsedMs,
    completed: (unit) => completedResult(manifest, unit),
    spendingOf: (unit) => unitSpending(manifest, unit),
    modelPath: (name) => modelFolder(path, name),
    log: (name) => ({ path: logPath(path, name) }),
  };
}

/** Returns the result of a unit that is finished, else null. */
export function completedResult({ completed }: Pick<Manifest, 'completed'>, unit: string): JsonObject | null {
  return completed.find((entry) => entry.unit === unit)?.result ?? null;
}

/** Returns what a finished unit has spent, all spending since the unit before it included; null where an earlier version
 *  did not count it. */
export function unitSpending({ completed }: Pick<Manifest, 'completed'>, unit: string): Totals | null {
  const at = completed.findIndex((entry) => entry.unit === unit);
  const spent = completed[at]?.spent;
  const before = at === 0 ? {} : completed[at - 1]?.spent;
  return spent === undefined || before === undefined ? null : spentSince(spent, before);
}
