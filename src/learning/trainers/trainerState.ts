/** A trainer's whole state on disk: `model/` in Hugging Face layout or `adapter/` in PEFT's,
 *  `optimizer/moments.safetensors`, `trainer.json`. Everything is float32, so that what is read back is what was
 *  written, bit for bit. */
import { type FileHandle, mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EnvironmentError, FormatError } from '../../base/errors.js';
import { readJsonObject } from '../../base/json.js';
import { readAs, requireVersion } from '../../base/readAs.js';
import { openPeftTensors } from '../../engine/models/adapters/peftFolder.js';
import type { CheckpointTensor } from '../../engine/models/checkpoints/checkpoint.js';
import { openCheckpoint } from '../../engine/models/checkpoints/openCheckpoint.js';
import { openSafetensors } from '../../engine/models/checkpoints/safetensors.js';
import { encodeSafetensorsHeader } from '../../engine/models/checkpoints/safetensorsHeader.js';
import { writeTensors } from '../../engine/models/weights.js';
import type { AdamwState } from '../../engine/optim/adamw.js';
import type { Device, TensorStore } from '../../engine/runtime/device.js';

const moments = ['firstMoment', 'secondMoment'] as const;
/** The version of the form that this code writes and reads. */
const stateVersion = 1;
const stateSchema = z.object({ step: z.int().min(0) });
const momentsFile = join('optimizer', 'moments.safetensors');

/** The state belongs to these weights on a device; says how they become a folder. */
export interface StoredWeights {
  readonly device: Device;
  readonly weights: TensorStore;
  /** The folder of a checkpoint that they go to, and what they are there. Default 'model'. */
  readonly part?: 'model' | 'adapter';
  readonly save: (folder: string) => Promise<void>;
}

/** Called between steps, when no gradient is pending. @param folder exists */
export async function saveTrainerState(folder: string, model: StoredWeights, state: AdamwState): Promise<void> {
  await model.save(join(folder, model.part ?? 'model'));
  await mkdir(join(folder, 'optimizer'));
  await saveMoments(join(folder, momentsFile), model.device, state);
  await writeFile(
    join(folder, 'trainer.json'),
    `${JSON.stringify({ schema: stateVersion, step: state.stepsDone }, null, 2)}\n`,
  );
}

/** @throws FormatError when the folder is of another model, or damaged */
export async function loadTrainerState(folder: string, model: StoredWeights, state: AdamwState): Promise<void> {
  const step = readStep(join(folder, 'trainer.json'));
  await restoreWeights(join(folder, model.part ?? 'model'), model);
  const path = join(folder, momentsFile);
  const file = await openSafetensors(path);
  try {
    for (const moment of moments) await writeStore(model.device, state[moment], file.tensors, `${moment}.`, path);
  } finally {
    await file.close();
  }
  await model.device.fill(state.gradients, 0);
  state.stepsDone = step;
}

/** Weights as `save` wrote them. @throws FormatError when the folder is of another model */
export async function restoreWeights(
  folder: string,
  { device, weights, part = 'model' }: Pick<StoredWeights, 'device' | 'weights' | 'part'>,
): Promise<void> {
  const file = part === 'model' ? await openCheckpoint(folder) : await openPeftTensors(folder);
  try {
    await writeStore(device, weights, file.tensors, '', folder);
  } finally {
    await file.close();
  }
}

/** Twice the size of the model: written once, straight behind a header that is known beforehand. */
async function saveMoments(path: string, device: Device, state: AdamwState): Promise<void> {
  const tensors = moments.flatMap((moment) =>
    [...state[moment].entries].map(([name, { shape, length }]) => ({ moment, name, shape, length })),
  );
  const header = tensors.map(({ moment, name, shape, length }) => ({
    name: `${moment}.${name}`,
    shape,
    bytes: 4 * length,
  }));
  const file = await open(path, 'wx');
  try {
    await writeFully(file, encodeSafetensorsHeader(header, 'F32'));
    for (const { moment, name } of tensors) {
      const { buffer, byteOffset, byteLength } = await device.read(state[moment], name);
      await writeFully(file, new Uint8Array(buffer, byteOffset, byteLength));
    }
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new EnvironmentError('the optimizer state cannot be written', { where: path, got, cause });
  } finally {
    await file.close();
  }
}

/** A write may take fewer bytes than it was given. */
async function writeFully(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += (await file.write(bytes, done)).bytesWritten;
}

async function writeStore(
  device: Device,
  store: TensorStore,
  tensors: ReadonlyMap<string, CheckpointTensor>,
  prefix: string,
  where: string,
): Promise<void> {
  const found = new Map<string, CheckpointTensor>();
  for (const [name, { shape }] of store.entries) {
    const tensor = tensors.get(prefix + name);
    if (tensor === undefined || tensor.shape.join() !== shape.join()) {
      throw new FormatError('this checkpoint is of another model', {
        where,
        expected: `${prefix}${name} [${shape.join(', ')}]`,
        got: tensor === undefined ? 'no such tensor' : `[${tensor.shape.join(', ')}]`,
      });
    }
    found.set(name, tensor);
  }
  await writeTensors(device, store, found);
}

function readStep(path: string): number {
  const value = readJsonObject(path);
  requireVersion(value, stateVersion, 'trainer state', path);
  return readAs(stateSchema, value, path).step;
}
