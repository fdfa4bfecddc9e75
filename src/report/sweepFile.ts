/** `sweep.json`: the plan of a sweep, how far each point came, and, once something is measured, the table over all
 *  points. Replaced atomically; a point's own manifest says more about it and is believed where the two differ (a kill
 *  between two writes). */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../base/errors.js';
import { writeFileAtomic } from '../base/files.js';
import { type JsonObject, jsonText, readJsonObject } from '../base/json.js';
import { readAs, requireVersion } from '../base/readAs.js';
import { jsonObject } from '../base/schemaParts.js';
import { readManifest } from '../runs/manifest.js';
import { metricsSchema } from './report.js';
import type { SweepTable } from './sweepTables.js';

/** The version of the form that this code writes and reads. */
const sweepVersion = 1;

const statuses = ['running', 'done', 'stopped', 'interrupted', 'failed'] as const;
type SweepStatus = (typeof statuses)[number];

export interface SweptKey {
  /** The key as the recipe writes it. */
  readonly key: string;
  /** Short: 'gamma'. */
  readonly label: string;
  /** The resolved path; stages are given by number. */
  readonly path: readonly string[];
}

/** pending: not begun. stopped: a limit was reached. */
export type PointStatus = 'pending' | SweepStatus;

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
  readonly schema: typeof sweepVersion;
  readonly name: string;
  /** The sweep is done when every point is; failed or stopped when one is and none can go on by itself. */
  readonly status: SweepStatus;
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

const tableSchema: z.ZodType<SweepTable> = z.object({
  id: z.string(),
  title: z.string(),
  rowIs: z.enum(['adversary', 'model']),
  groupBy: z.enum(['conversation']).exactOptional(),
  rows: z.array(
    z.object({
      point: z.number(),
      values: jsonObject,
      name: z.string(),
      metrics: metricsSchema,
      change: metricsSchema.exactOptional(),
    }),
  ),
});

/** Keys that it does not know are kept as they are. */
const sweepSchema: z.ZodType<SweepFile> = z.looseObject({
  schema: z.literal(sweepVersion),
  name: z.string(),
  status: z.enum(statuses),
  keys: z.array(z.object({ key: z.string(), label: z.string(), path: z.array(z.string()) })),
  points: z.array(
    z.object({
      number: z.number(),
      name: z.string(),
      values: jsonObject,
      // Names only: a damaged file must not lead elsewhere.
      folder: z.string().regex(/^[A-Za-z0-9][^/\\]*$/, 'the name of a folder'),
      status: z.enum(['pending', ...statuses]),
      reason: z.string().exactOptional(),
      thresholdExceeded: z.array(z.string()).exactOptional(),
    }),
  ),
  tables: z.array(tableSchema),
  configuration: jsonObject,
  source: z.object({ file: z.string().nullable(), folder: z.string() }),
  configurations: z.record(z.string(), jsonObject),
  createdAt: z.string(),
  updatedAt: z.string(),
});

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
    schema: sweepVersion,
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
 *  or of a newer version */
export function readSweepFile(folder: string): SweepFile {
  const path = join(folder, sweepFileName);
  if (!existsSync(path)) throw new ConfigError('this folder holds no sweep (sweep.json is missing)', { where: folder });
  const value = readJsonObject(path);
  requireVersion(value, sweepVersion, 'sweep', path);
  const file = readAs(sweepSchema, value, path);
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

/** How a point of a sweep ended. */
export type PointOutcome = Pick<SweepPointState, 'status' | 'reason' | 'thresholdExceeded'>;
