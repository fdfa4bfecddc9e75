/** The kind of a replay buffer's transitions: written once when it is made, and asked for again by everything that opens
 *  it, so that transitions of two kinds never share one. */
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../../base/errors.js';
import { writeFileAtomic } from '../../base/files.js';
import { readJsonObject } from '../../base/json.js';
import { readAs, requireVersion } from '../../base/readAs.js';

/** The version of the form that this code writes and reads. */
const version = 1;
const headerName = 'buffer.json';

const settingsSchema = z.object({
  /** `absolute`: the action itself. `residual`: what was added to the action of another planner. */
  actions: z.enum(['absolute', 'residual']),
  actionWidth: z.int().min(1),
  /** Actions are stored in this unit, so that a learner sees a box of [−1, 1] or a sphere of radius 1. */
  actionUnit: z.number().positive(),
  stateWidth: z.int().min(1),
  /** Which hidden state of the frozen model it is: the layer (as in transformers' `hidden_states`) and the place. */
  state: z.object({ layer: z.int(), position: z.string() }),
  /** The hash of the frozen model's weights. */
  model: z.string(),
  /** The hash of the planner that explored: residual actions are added to its own. */
  planner: z.string(),
  /** Whether a state says how many steps remain. Only then is the end by the number of steps a terminal. */
  stepIsVisible: z.boolean(),
});

export type ReplaySettings = Readonly<z.infer<typeof settingsSchema>>;

/** Writes the settings of a new buffer. */
export function writeReplaySettings(folder: string, settings: ReplaySettings): void {
  writeFileAtomic(join(folder, headerName), `${JSON.stringify({ schema: version, ...settings }, null, 2)}\n`);
}

/** @throws ConfigError naming what differs, FormatError when the folder holds no buffer of this version */
export function requireReplaySettings(folder: string, wanted: ReplaySettings): void {
  const held = readReplaySettings(folder);
  const differences = settingsSchema
    .keyof()
    .options.filter((key) => JSON.stringify(held[key]) !== JSON.stringify(wanted[key]));
  if (differences.length === 0) return;
  const list = (settings: ReplaySettings): string =>
    differences.map((key) => `${key} ${JSON.stringify(settings[key])}`).join(', ');
  throw new ConfigError('the buffer holds transitions of another kind', {
    where: folder,
    expected: list(wanted),
    got: list(held),
    remedy: 'Collect into a new folder: transitions of two kinds cannot be learnt from together.',
  });
}

/** @throws FormatError when the folder holds no buffer of this version */
export function readReplaySettings(folder: string): ReplaySettings {
  const path = join(folder, headerName);
  const value = readJsonObject(path);
  requireVersion(value, version, 'replay buffer', path);
  return readAs(settingsSchema, value, path);
}
