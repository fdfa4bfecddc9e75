/** `sweep.json`: the plan of a sweep, how far each point came, and, once something is measured, the table over all
 *  points. Replaced atomically; a point's own manifest says more about it and is believed where the two differ (a kill
 *  between two writes). */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, FormatError } from '../base/errors.js';
import { writeFileAtomic } from '../base/files.js';
import { isJsonObject, jsonText, readJsonObject } from '../base/json.js';
import type { JsonObject } from '../base/json.js';
import { readManifest } from '../runs/manifest.js';
import type { SweepTable } from './sweepTables.js';

export interface SweptKey {
  /** The key as the recipe writes it. */
  readonly key: string;
  /** Short: 'gamma'. */
  readonly label: string;
  /** The resolved path; stages are given by number. */
  readonly path: readonly string[];
}

/** pending: not begun. stopped: a limit was reached. */
export type PointStatus = 'pending' | 'running' | 'done' | 'stopped' | 'interrupted' | 'failed';

export interface SweepPointState {
  readonly number: number;
  readonly name: string;
  /** By key as the recipe writes it. */
  readonly values: JsonObject;
  /** The run directory, relative to the sweep's folder. */
  readonly folder: string;
  readonly status: PointStatus;
  /** Why it failed or was stopped. */
  readonly reason?: string;
  /** Rows over `failOver`. */
  readonly thresholdExceeded?: readonly string[];
}

export interface SweepFile {
  readonly schema: 1;
  readonly name: string;
  /** The sweep is done when every point is; failed or stopped when one is and none can go on by itself. */
  readonly status: Exclude<PointStatus, 'pending'>;
  readonly keys: readonly SweptKey[];
  readonly points: readonly SweepPointState[];
  readonly tables: readonly SweepTable[];
  /** The recipe with every default, `sweep:` included. */
  readonly configuration: JsonObject;
  readonly source: { readonly file: string | null; readonly folder: string };
  /** Each point's recipe with every default, by name. */
  readonly configurations: Readonly<Record<string, JsonObject>>;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export const sweepFileName = 'sweep.json';

export function holdsSweep(folder: string): boolean {
  return existsSync(join(folder, sweepFileName));
}

/** A sweep before its first point runs. */
export interface PlannedSweep {
  readonly keys: readonly SweptKey[];
  readonly points: readonly {
    readonly number: number;
    readonly name: string;
    readonly values: JsonObject;
    readonly loaded: { readonly configuration: JsonObject };
  }[];
  readonly base: Pick<SweepFile, 'configuration' | 'source'> & { readonly recipe: { readonly name: string } };
}

export function newSweepFile({ base, keys, points }: PlannedSweep, now: string): SweepFile {
  return {
    schema: 1,
    name: base.recipe.name,
    status: 'running',
    keys,
    points: points.map(({ number, name, values }) => ({ number, name, values, folder: name, status: 'pending' })),
    tables: [],
    configuration: base.configuration,
    source: base.source,
    configurations: Object.fromEntries(points.map(({ name, loaded }) => [name, loaded.configuration])),
    createdAt: now,
    updatedAt: now,
  };
}

/** Returns the status of a sweep from those of its points. */
export function sweepStatus(points: readonly SweepPointState[]): SweepFile['status'] {
  const has = (...wanted: readonly PointStatus[]): boolean => points.some(({ status }) => wanted.includes(status));
  if (has('interrupted')) return 'interrupted';
  if (has('pending', 'running')) return 'running';
  return has('failed') ? 'failed' : has('stopped') ? 'stopped' : 'done';
}

/** @throws EnvironmentError */
export function writeSweepFile(folder: string, file: SweepFile): void {
  writeFileAtomic(join(folder, sweepFileName), `${jsonText(file, 1)}\n`);
}

/** The file as its points' manifests correct it. @throws ConfigError when there is none, FormatError when it is damaged
 */
export function readSweepFile(folder: string): SweepFile {
  const path = join(folder, sweepFileName);
  if (!existsSync(path)) throw new ConfigError('this folder holds no sweep (sweep.json is missing)', { where: folder });
  const value = readJsonObject(path);
  const refuse = (expected: string): never => {
    throw new FormatError('this is not a sweep of gadfly', { where: path, expected });
  };
  if (value['schema'] !== 1) refuse('"schema": 1');
  for (const key of ['configuration', 'source', 'configurations'])
    if (!isJsonObject(value[key])) refuse(`an object "${key}"`);
  for (const key of ['keys', 'points', 'tables']) if (!Array.isArray(value[key])) refuse(`a list "${key}"`);
  if (typeof value['name'] !== 'string') refuse('a text "name"');
  for (const [i, point] of (value['points'] as readonly unknown[]).entries()) {
    const isWhole =
      isJsonObject(point) &&
      isJsonObject(point['values']) &&
      ['name', 'folder', 'status'].every((key) => typeof point[key] === 'string');
    const folderName = isWhole ? point['folder'] : null;
    // Names only: a damaged file must not lead elsewhere.
    if (typeof folderName !== 'string' || !/^[A-Za-z0-9][^/\\]*$/.test(folderName))
      refuse(`points[${i}] with name, values, folder and status`);
  }
  const file = value as unknown as SweepFile;
  return { ...file, points: file.points.map((point) => asFound(folder, point)) };
}

function asFound(folder: string, point: SweepPointState): SweepPointState {
  const run = join(folder, point.folder);
  if (!existsSync(join(run, 'manifest.json')))
    return point.status === 'failed' ? point : { ...point, status: 'pending' };
  const { status } = readManifest(run);
  // A limit and Ctrl-C are one to the manifest; this file tells them apart.
  const known = status === 'interrupted' && point.status === 'stopped' ? 'stopped' : status;
  return { ...point, status: known };
}
