/** A run as a reader opens it: without the lock, also while it is written. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readJsonObject, type JsonObject } from '../base/json.js';
import { type Manifest, readManifest } from './manifest.js';
import { logPath } from './runLogs.js';

export interface ReadableRun {
  readonly path: string;
  readonly manifest: Manifest;
  /** The report; null while there is none. */
  readonly report: JsonObject | null;
  /** Returns the file of a log, for `readRecords`. */
  readonly logPath: (name: string) => string;
}

/** Reads a run without locking it; it may still be running. @throws ConfigError, FormatError */
export function openRun(path: string): ReadableRun {
  const folder = resolve(path);
  const manifest = readManifest(folder);
  const reportPath = join(folder, 'report.json');
  return {
    path: folder,
    manifest,
    report: existsSync(reportPath) ? readJsonObject(reportPath) : null,
    logPath: (name) => logPath(folder, name),
  };
}
