/** A trainer's whole state on disk: `model/` in Hugging Face layout, `adapter/` in PEFT's or `weights.safetensors`, `heads/model.safetensors` where
 *  a value head is trained with it, `optimizer/moments.safetensors`, `trainer.json`. Everything is float32, so that what is read back is what was
 *  written, bit for bit. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readJsonObject } from '../../base/json.js';
import { readAs, requireVersion } from '../../base/readAs.js';
import { openPeftTensors } from '../../engine/models/adapters/peftFolder.js';
import { openCheckpoint } from '../../engine/models/checkpoints/openCheckpoint.js';
import { openSafetensors } from '../../engine/models/checkpoints/safetensors.js';
import type { AdamwState } from '../../engine/optim/adamw.js';
import type { Device, TensorStore } from '../../engine/runtime/device.js';
import { readTensors, saveTensors, writeStore } from './storedTensors.js';

const moments = ['firstMoment', 'secondMoment'] as const;
/** The version of the form that this code writes and reads. */
const stateVersion = 1;
const stateSchema = z.object({ step: z.int().min(0) });
const momentsFile = join('optimizer', 'moments.safetensors');
const headsFile = join('heads', 'model.safetensors');

/** The state belongs to these weights on a device; says how they become a folder. */
export interface StoredWeights {
  readonly device: Device;
  readonly weights: TensorStore;
  /** The folder, or the file, of a checkpoint that they go to, and what they are there. Default 'model'. */
  readonly part?: 'model' | 'adapter' | 'weights.safetensors';
  readonly save: (path: string) => Promise<void>;
  /** Names of the weights that `save` leaves out. Default none. */
  readonly heads?: readonly string[];
}

/** Called between steps, when no gradient is pending. @param folder exists */
export async function saveTrainerState(folder: string, model: StoredWeights, state: AdamwState): Promise<void> {
  await model.save(join(folder, model.part ?? 'model'));
  const { device, weights, heads = [] } = model;
  if (heads.length > 0) {
    await mkdir(join(folder, 'heads'));
    await saveTensors(join(folder, headsFile), device, [{ store: weights, prefix: '', names: heads }]);
  }
  await mkdir(join(folder, 'optimizer'));
  await saveTensors(
    join(folder, momentsFile),
    device,
    moments.map((moment) => ({ store: state[moment], prefix: `${moment}.` })),
  );
  await writeFile(
    join(folder, 'trainer.json'),
    `${JSON.stringify({ schema: stateVersion, step: state.stepsDone }, null, 2)}\n`,
  );
}

/** @throws FormatError when the folder is of another model, or damaged */
export async function loadTrainerState(folder: string, model: StoredWeights, state: AdamwState): Promise<void> {
  const step = readStep(join(folder, 'trainer.json'));
  await restoreWeights(join(folder, model.part ?? 'model'), model);
  const { device, weights, heads = [] } = model;
  if (heads.length > 0)
    await readTensors(join(folder, headsFile), device, [{ store: weights, prefix: '', names: heads }]);
  await readTensors(
    join(folder, momentsFile),
    device,
    moments.map((moment) => ({ store: state[moment], prefix: `${moment}.` })),
  );
  await model.device.fill(state.gradients, 0);
  state.stepsDone = step;
}

const openers = { model: openCheckpoint, adapter: openPeftTensors, 'weights.safetensors': openSafetensors } as const;

/** Weights as `save` wrote them. @throws FormatError when the folder is of another model */
export async function restoreWeights(
  folder: string,
  { device, weights, part = 'model', heads = [] }: Omit<StoredWeights, 'save'>,
): Promise<void> {
  const file = await openers[part](folder);
  try {
    const names = [...weights.entries.keys()].filter((name) => !heads.includes(name));
    await writeStore(device, { store: weights, prefix: '', names }, file.tensors, folder);
  } finally {
    await file.close();
  }
}

function readStep(path: string): number {
  const value = readJsonObject(path);
  requireVersion(value, stateVersion, 'trainer state', path);
  return readAs(stateSchema, value, path).step;
}
