/** `manifest.json`: what a run is, on what it ran, from what it was made, and how far it came. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, cpus, hostname, platform, release, totalmem } from 'node:os';
import { join, relative } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../base/errors.js';
import { packageRoot } from '../base/packageRoot.js';
import { listFolder } from '../base/files.js';
import { type JsonObject, readJsonObject } from '../base/json.js';
import { readAs, requireVersion } from '../base/readAs.js';
import { jsonObject } from '../base/schemaParts.js';
import { firstLogs, logName, type Positions } from './runLogs.js';

/** The version of the form that this code writes and reads. */
export const manifestVersion = 1;

const statuses = ['running', 'done', 'interrupted', 'failed'] as const;
export type RunStatus = (typeof statuses)[number];

export interface CompletedUnit {
  /** Key of the unit that was completed, such as 'exploit:ipo' or 'evaluate'. Unique in a run. */
  readonly unit: string;
  /** Result that later units need. */
  readonly result: JsonObject;
  /** The last step it took, counted over the whole run. */
  readonly step: number;
  readonly positions: Positions;
  /** Total that the run had spent when the unit was completed; absent in runs of earlier versions. */
  readonly spent?: Readonly<Record<string, number>>;
}

export interface InputHash {
  /** Name as the recipe writes it: a path or a model id. */
  readonly name: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface Manifest {
  readonly schema: typeof manifestVersion;
  readonly name: string;
  readonly status: RunStatus;
  readonly seed: number;
  /** The recipe with every default written out; itself a valid recipe. */
  readonly configuration: JsonObject;
  /** File that the configuration came from, and the folder that its relative paths start from. */
  readonly source: { readonly file: string | null; readonly folder: string };
  readonly versions: Readonly<Record<string, string>>;
  readonly host: JsonObject;
  readonly inputs: readonly InputHash[];
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Time spent running, over all sessions. */
  readonly elapsedMs: number;
  /** Total spent so far, over all sessions, by the names of `spendingNames`, and `generatedTokens`, their sum over
   *  all models. */
  readonly spent: Readonly<Record<string, number>>;
  /** Names of its logs: the file of a log is NAME.jsonl. */
  readonly logs: readonly string[];
  readonly completed: readonly CompletedUnit[];
  /** Why it failed or was interrupted. */
  readonly reason?: string;
}

const counts = z.record(z.string(), z.number());

/** Keys that it does not know are kept as they are. */
const manifestSchema: z.ZodType<Manifest> = z.looseObject({
  schema: z.literal(manifestVersion),
  name: z.string(),
  status: z.enum(statuses),
  seed: z.number(),
  configuration: jsonObject,
  source: z.object({ file: z.string().nullable(), folder: z.string() }),
  versions: z.record(z.string(), z.string()),
  host: jsonObject,
  inputs: z.array(z.object({ name: z.string(), sha256: z.string(), bytes: z.number() })),
  createdAt: z.string(),
  updatedAt: z.string(),
  elapsedMs: z.number(),
  spent: counts,
  // Runs of earlier versions do not list them.
  logs: z.array(z.string().regex(logName)).default([...firstLogs]),
  completed: z.array(
    z.object({
      unit: z.string(),
      result: jsonObject,
      step: z.number(),
      positions: counts,
      spent: counts.exactOptional(),
    }),
  ),
  reason: z.string().exactOptional(),
});

/** @throws ConfigError when the folder holds no run, FormatError when its manifest is damaged, or of a newer
 *  version */
export function readManifest(folder: string): Manifest {
  const path = join(folder, 'manifest.json');
  if (!existsSync(path)) {
    const isFolder = existsSync(folder) && statSync(folder).isDirectory();
    const summary = isFolder
      ? 'this folder holds no run (manifest.json is missing)'
      : existsSync(folder)
        ? 'this is a file, not a run directory'
        : 'no such run directory';
    throw new ConfigError(summary, {
      where: folder,
      remedy: 'Give the folder that `gadfly run --out` wrote.',
    });
  }
  const value = readJsonObject(path);
  requireVersion(value, manifestVersion, 'run directory', path);
  return readAs(manifestSchema, value, path);
}

export function packageVersion(): string {
  const file = readJsonObject(join(packageRoot(), 'package.json'));
  return typeof file['version'] === 'string' ? file['version'] : 'unknown';
}

export function describeVersions(): Readonly<Record<string, string>> {
  const require = createRequire(import.meta.url);
  let onnxruntime = 'absent';
  try {
    const file = readJsonObject(require.resolve('onnxruntime-node/package.json'));
    if (typeof file['version'] === 'string') onnxruntime = file['version'];
  } catch {
    // Only a description: a missing runtime fails where it is used, with its own message.
  }
  return { gadfly: packageVersion(), node: process.version, onnxruntime };
}

export function describeHost(): JsonObject {
  const processors = cpus();
  return {
    name: hostname(),
    platform: platform(),
    release: release(),
    arch: arch(),
    processor: processors[0]?.model.trim() ?? 'unknown',
    processors: processors.length,
    memoryBytes: totalmem(),
  };
}

/** Hash of a file, or of a folder's files (names and contents, sorted). @throws ConfigError when it does not exist */
export async function hashInput(name: string, path: string): Promise<InputHash> {
  if (!existsSync(path)) throw new ConfigError('no such file', { where: path });
  const hash = createHash('sha256');
  let bytes = 0;
  const isFolder = statSync(path).isDirectory();
  for (const file of isFolder ? filesBelow(path) : [path]) {
    if (isFolder) hash.update(`${relative(path, file)}\0`);
    for await (const chunk of createReadStream(file)) {
      hash.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
  }
  return { name, sha256: hash.digest('hex'), bytes };
}

function filesBelow(folder: string): readonly string[] {
  return listFolder(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesBelow(path) : [path];
  });
}
