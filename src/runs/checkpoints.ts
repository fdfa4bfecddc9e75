/** checkpoints/step-N: a folder that appears complete or not at all, with `checkpoint.json` saying which unit it
 *  continues, the records it had seen and how good it was. Its other files belong to the unit that wrote it. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { invariant } from '../base/invariant.js';
import { listFolder, onDisk, writeFileAtomic, writeFolderAtomic } from '../base/files.js';
import { type JsonObject, jsonText, readJsonObject } from '../base/json.js';
import { readAs, requireVersion } from '../base/readAs.js';
import { jsonObject } from '../base/schemaParts.js';
import {
  arraysSchema,
  type CheckpointState,
  readArrays,
  splitState,
  type StateArrays,
  writeArrays,
} from './checkpointState.js';
import type { Positions } from './runLogs.js';

export interface RunCheckpoint {
  readonly folder: string;
  readonly step: number;
  readonly unit: string;
  /** Higher is better; null when not evaluated. */
  readonly score: number | null;
  readonly positions: Positions;
  /** The part of the unit's state that is JSON; see `readState`. */
  readonly state: JsonObject;
  readonly arrays: StateArrays;
  /** Total that the run had spent; null in checkpoints of earlier versions. */
  readonly spent: Readonly<Record<string, number>> | null;
}

const description = 'checkpoint.json';
/** The version of the form that this code writes and reads. */
const checkpointVersion = 1;

const checkpointSchema = z.object({
  step: z.int().min(0),
  unit: z.string(),
  score: z.number().nullable(),
  positions: z.record(z.string(), z.number()),
  state: jsonObject,
  // Earlier versions kept none.
  arrays: arraysSchema.default({}),
  spent: z.record(z.string(), z.number()).nullable().default(null),
});

export async function writeCheckpointFolder(
  runFolder: string,
  content: Omit<RunCheckpoint, 'folder' | 'state' | 'arrays'> & {
    readonly state: CheckpointState;
    readonly write: (folder: string) => Promise<void>;
  },
): Promise<RunCheckpoint> {
  const { write, state, ...rest } = content;
  invariant(Number.isInteger(rest.step) && rest.step >= 0, 'a checkpoint has a whole step');
  const folder = join(runFolder, 'checkpoints', `step-${rest.step}`);
  const split = splitState(state);
  let arrays: StateArrays = {};
  await writeFolderAtomic(folder, async (temporary) => {
    await write(temporary);
    arrays = writeArrays(temporary, split.arrays);
    writeFileAtomic(
      join(temporary, description),
      `${jsonText({ schema: checkpointVersion, ...rest, state: split.json, arrays }, 1)}\n`,
    );
  });
  return { folder, ...rest, state: split.json, arrays };
}

/** Reads the whole state of a unit, its arrays included. @throws FormatError for an array that is damaged */
export function readState({ folder, state, arrays }: RunCheckpoint): CheckpointState {
  return { ...state, ...readArrays(folder, arrays) };
}

/** Lists all checkpoints, by step. @throws FormatError for one whose description is damaged */
export function listCheckpoints(runFolder: string): readonly RunCheckpoint[] {
  const root = join(runFolder, 'checkpoints');
  return listFolder(root)
    .filter((name) => /^step-\d+$/.test(name) && existsSync(join(root, name, description)))
    .map((name) => readCheckpoint(join(root, name)))
    .sort((a, b) => a.step - b.step);
}

/** Lists the checkpoints of a unit, by step. */
export function checkpointsOf(runFolder: string, unit: string): readonly RunCheckpoint[] {
  return listCheckpoints(runFolder).filter((checkpoint) => checkpoint.unit === unit);
}

/** Returns the checkpoint with the highest score, the earlier one of equals; null when none has a score. */
export function bestOf(checkpoints: readonly RunCheckpoint[]): RunCheckpoint | null {
  let best: RunCheckpoint | null = null;
  for (const checkpoint of checkpoints)
    if (checkpoint.score !== null && (best === null || checkpoint.score > (best.score ?? -Infinity))) best = checkpoint;
  return best;
}

/** Keeps the best and the last checkpoint of a unit and removes its others. */
export function pruneCheckpoints(runFolder: string, unit: string): void {
  const own = checkpointsOf(runFolder, unit);
  const [last, best] = [own.at(-1), bestOf(own)];
  for (const checkpoint of own) {
    if (checkpoint !== last && checkpoint !== best) {
      onDisk(checkpoint.folder, () => {
        rmSync(checkpoint.folder, { recursive: true, force: true });
      });
    }
  }
}

/** @throws FormatError when it is damaged, or of a newer version */
function readCheckpoint(folder: string): RunCheckpoint {
  const path = join(folder, description);
  const value = readJsonObject(path);
  requireVersion(value, checkpointVersion, 'checkpoint', path);
  return { folder, ...readAs(checkpointSchema, value, path) };
}
