/** A trainer's whole state on disk: `model/` in Hugging Face layout, `optimizer/` with AdamW's moments as safetensors, `trainer.json`.
 *  Everything is float32, so that what is read back is what was written, bit for bit. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FormatError } from '../../base/errors.js';
import { openCheckpoint } from '../../engine/models/checkpoints/openCheckpoint.js';
import { openSafetensors } from '../../engine/models/checkpoints/safetensors.js';
import { writeSafetensors, type WrittenTensor } from '../../engine/models/checkpoints/safetensorsWriter.js';
import type { CheckpointTensor } from '../../engine/models/checkpoints/checkpoint.js';
import { type LanguageModel, saveLanguageModel } from '../../engine/models/languageModel.js';
import type { Device } from '../../engine/runtime/device.js';
import type { TensorStore } from '../../engine/runtime/tensorStore.js';

export interface TrainerStores {
  readonly weights: TensorStore;
  readonly gradients: TensorStore;
  readonly firstMoment: TensorStore;
  readonly secondMoment: TensorStore;
}

const moments = ['firstMoment', 'secondMoment'] as const;

/** Called between steps, when no gradient is pending. @param folder exists */
export async function saveTrainerState(folder: string, model: LanguageModel, stores: TrainerStores, step: number): Promise<void> {
  await saveLanguageModel(model, join(folder, 'model'));
  const optimizer = join(folder, 'optimizer');
  await mkdir(optimizer);
  await writeSafetensors(optimizer, readMoments(model.device, stores), { dtype: 'f32', maxShardBytes: Number.MAX_SAFE_INTEGER });
  await writeFile(join(folder, 'trainer.json'), `${JSON.stringify({ schema: 1, step }, null, 2)}\n`);
}

/** @returns the step. @throws FormatError when the folder is of another model, or damaged */
export async function loadTrainerState(folder: string, model: LanguageModel, stores: TrainerStores): Promise<number> {
  const step = await readStep(join(folder, 'trainer.json'));
  const checkpoint = await openCheckpoint(join(folder, 'model'));
  try {
    await writeStore(model.device, stores.weights, checkpoint.tensors, '', checkpoint.source);
  } finally {
    await checkpoint.close();
  }
  const path = join(folder, 'optimizer', 'model.safetensors');
  const file = await openSafetensors(path);
  try {
    for (const moment of moments) await writeStore(model.device, stores[moment], file.tensors, `${moment}.`, path);
  } finally {
    await file.close();
  }
  await model.device.fill(stores.gradients, 0);
  return step;
}

async function* readMoments(device: Device, stores: TrainerStores): AsyncGenerator<WrittenTensor> {
  for (const moment of moments) {
    for (const [name, { shape }] of stores[moment].entries) yield { name: `${moment}.${name}`, shape, data: await device.read(stores[moment], name) };
  }
}

async function writeStore(device: Device, store: TensorStore, tensors: ReadonlyMap<string, CheckpointTensor>, prefix: string, where: string): Promise<void> {
  for (const [name, { shape }] of store.entries) {
    const tensor = tensors.get(prefix + name);
    if (tensor === undefined || tensor.shape.join() !== shape.join()) {
      throw new FormatError('this checkpoint is of another model', { where, expected: `${prefix}${name} [${shape.join(', ')}]`, got: tensor === undefined ? 'no such tensor' : `[${tensor.shape.join(', ')}]` });
    }
    await device.write(store, name, await tensor.read());
  }
}

async function readStep(path: string): Promise<number> {
  const value: unknown = JSON.parse(await readFile(path, 'utf8'));
  const step = typeof value === 'object' && value !== null && 'step' in value ? value.step : null;
  if (typeof step !== 'number' || !Number.isInteger(step) || step < 0) throw new FormatError('the step of this checkpoint is missing', { where: path });
  return step;
}
