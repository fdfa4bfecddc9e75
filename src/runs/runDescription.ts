/** Describes what a run is asked to be, and says whether a folder holds that very run. */
import { existsSync, statSync } from 'node:fs';
import { ConfigError } from '../base/errors.js';
import { firstDifference, type JsonObject } from '../base/json.js';
import { listCheckpoints } from './checkpoints.js';
import { describeHost, describeVersions, type InputHash, type Manifest, manifestVersion } from './manifest.js';
import { firstLogs, logPath } from './runLogs.js';

export interface RunDescription {
  readonly name: string;
  readonly seed: number;
  readonly configuration: JsonObject;
  readonly source: { readonly file: string | null; readonly folder: string };
  readonly inputs: readonly InputHash[];
  /** Adds to a recorded configuration what later versions have added to all; default: nothing. */
  readonly withLaterDefaults?: (configuration: JsonObject) => JsonObject;
}

/** Returns the manifest of a run that has done nothing yet. */
export function newManifest(description: RunDescription, now: string): Manifest {
  const { name, seed, configuration, source, inputs } = description;
  return {
    schema: manifestVersion,
    name,
    status: 'running',
    seed,
    configuration,
    source,
    versions: describeVersions(),
    host: describeHost(),
    inputs,
    createdAt: now,
    updatedAt: now,
    elapsedMs: 0,
    spent: {},
    logs: firstLogs,
    completed: [],
  };
}

/** Returns whether a run failed before it had anything to keep (a misspelt judge, a missing model): it gives its folder
 *  to the next. */
export function failedAtOnce(folder: string, { status, completed, logs }: Manifest): boolean {
  const isEmpty = (path: string): boolean => !existsSync(path) || statSync(path).size === 0;
  return (
    status === 'failed' &&
    completed.length === 0 &&
    listCheckpoints(folder).length === 0 &&
    logs.every((name) => isEmpty(logPath(folder, name)))
  );
}

/** Options of a remote model that only say how it is asked, and change no answer. */
const howOptions: readonly string[] = ['timeout', 'retries', 'concurrency', 'requestsPerMinute', 'prices'];

/** Returns a configuration without what may change while a run goes on: `limits`, the name of a key's variable, and in
 *  every `remote` how a server is asked. */
function decisive(configuration: JsonObject): unknown {
  const walk = (value: unknown, name: string): unknown => {
    if (Array.isArray(value)) return value.map((each) => walk(each, ''));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value)
      .filter(([key]) => key !== 'apiKeyEnv' && !(name === 'remote' && howOptions.includes(key)))
      .map(([key, each]) => [key, walk(each, key)] as const)
      // A `remote` that says nothing else is as good as none.
      .filter(
        ([key, each]) =>
          !(key === 'remote' && [{}, { promptLogProbs: 'auto' }].some((none) => firstDifference(each, none) === null)),
      );
    return Object.fromEntries(entries);
  };
  return walk({ ...configuration, limits: null }, '');
}

/** Refuses a run of another recipe or input; `limits` and how servers are asked may differ. @throws ConfigError naming
 *  what differs */
export function refuseOtherRun(folder: string, found: Manifest, wanted: RunDescription): void {
  const { withLaterDefaults = (kept: JsonObject): JsonObject => kept } = wanted;
  const kept = withLaterDefaults(found.configuration);
  const difference = firstDifference(decisive(kept), decisive(wanted.configuration));
  if (difference !== null) {
    throw new ConfigError('the recipe is not the one this run was started with', {
      where: folder,
      got: `'${difference}' differs`,
      remedy: 'Resume without naming a recipe or --set, or start a new run with another --out.',
    });
  }
  for (const input of wanted.inputs) {
    const before = found.inputs.find((entry) => entry.name === input.name);
    if (before !== undefined && before.sha256 !== input.sha256) {
      throw new ConfigError('an input has changed since this run was started', {
        where: input.name,
        expected: `sha256 ${before.sha256}`,
        got: `sha256 ${input.sha256}`,
        remedy: 'Restore it, or start a new run with another --out.',
      });
    }
  }
}
