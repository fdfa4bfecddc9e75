/** checkpoints/step-N: a folder that appears complete or not at all, with `checkpoint.json` saying which unit it
 *  continues, the records it had seen and how good it was. Its other files belong to the unit that wrote it. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, FormatError } from '../base/errors.js';
import { invariant } from '../base/invariant.js';
import { listFolder, onDisk, writeFileAtomic, writeFolderAtomic } from '../base/files.js';
import { isJsonObject, jsonText, readJsonObject } from '../base/json.js';
import type { JsonObject } from '../base/json.js';
import type { Positions } from './manifest.js';

export interface RunCheckpoint {
  readonly folder: string;
  readonly step: number;
  readonly unit: string;
  /** Higher is better; null when not evaluated. */
  readonly score: number | null;
  readonly positions: Positions;
  readonly state: JsonObject;
  /** Total that the run had spent; null in checkpoints of earlier versions. */
  readonly spent: Readonly<Record<string, number>> | null;
}

const description = 'checkpoint.json';

export async function writeCheckpointFolder(
  runFolder: string,
  content: Omit<RunCheckpoint, 'folder'> & { readonly write: (folder: string) => Promise<void> },
): Promise<RunCheckpoint> {
  const { step, unit, score, positions, state, spent, write } = content;
  invariant(Number.isInteger(step) && step >= 0, 'a checkpoint has a whole step');
  const folder = join(runFolder, 'checkpoints', `step-${step}`);
  await writeFolderAtomic(folder, async (temporary) => {
    await write(temporary);
    writeFileAtomic(
      join(temporary, description),
      `${jsonText({ schema: 1, step, unit, score, positions, state, spent }, 1)}\n`,
    );
  });
  return { folder, step, unit, score, positions, state, spent };
}

/** Lists all checkpoints, by step. @throws FormatError for one whose description is damaged */
export function listCheckpoints(runFolder: string): readonly RunCheckpoint[] {
  const root = join(runFolder, 'checkpoints');
  return listFolder(root)
    .filter((name) => /^step-\d+$/.test(name) && existsSync(join(root, name, description)))
    .map((name) => readCheckpoint(join(root, name)))
    .sort((a, b) => a.step - b.step);
}

/** Keeps the best and the last checkpoint of a unit and removes its others. */
export function pruneCheckpoints(runFolder: string, unit: string): void {
  const own = listCheckpoints(runFolder).filter((checkpoint) => checkpoint.unit === unit);
  const last = own.at(-1);
  let best: RunCheckpoint | undefined;
  for (const checkpoint of own)
    if (checkpoint.score !== null && (best === undefined || checkpoint.score > (best.score ?? -Infinity)))
      best = checkpoint;
  for (const checkpoint of own) {
    if (checkpoint !== last && checkpoint !== best) {
      onDisk(checkpoint.folder, () => {
        rmSync(checkpoint.folder, { recursive: true, force: true });
      });
    }
  }
}

/** @throws ConfigError when the folder is no checkpoint, FormatError when it is damaged */
function readCheckpoint(folder: string): RunCheckpoint {
  const path = join(folder, description);
  if (!existsSync(path))
    throw new ConfigError('this folder is no checkpoint', { where: folder, expected: description });
  const value = readJsonObject(path);
  const { step, unit, score, positions, state, spent = null } = value;
  if (
    typeof step !== 'number' ||
    typeof unit !== 'string' ||
    (typeof score !== 'number' && score !== null) ||
    !isPositions(positions) ||
    !isJsonObject(state) ||
    !(spent === null || isCounts(spent))
  ) {
    throw new FormatError('this description of a checkpoint is damaged', { where: path });
  }
  return { folder, step, unit, score, positions, state, spent };
}

function isCounts(value: unknown): value is Readonly<Record<string, number>> {
  return isJsonObject(value) && Object.values(value).every((count) => typeof count === 'number');
}

function isPositions(value: unknown): value is Positions {
  return isJsonObject(value) && ['rollouts', 'pairs', 'metrics'].every((key) => typeof value[key] === 'number');
}
