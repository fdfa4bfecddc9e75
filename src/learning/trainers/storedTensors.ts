/** Tensors of stores as a safetensors file, float32, so that what is read back is what was written, bit for bit. */
import { type FileHandle, open } from 'node:fs/promises';
import { EnvironmentError, FormatError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import type { CheckpointTensor } from '../../engine/models/checkpoints/checkpoint.js';
import { openSafetensors } from '../../engine/models/checkpoints/safetensors.js';
import { encodeSafetensorsHeader } from '../../engine/models/checkpoints/safetensorsHeader.js';
import { writeTensors } from '../../engine/models/weights.js';
import type { Device, TensorStore } from '../../engine/runtime/device.js';

/** Tensors of a store, and what their names begin with in a file. */
export interface StorePart {
  readonly store: TensorStore;
  readonly prefix: string;
  /** Default all. */
  readonly names?: readonly string[];
}

/** Writes a new file. Moments are twice the size of their model: written once, straight behind a header that is known
 *  beforehand. @throws EnvironmentError when it cannot be written */
export async function saveTensors(path: string, device: Device, parts: readonly StorePart[]): Promise<void> {
  const entries = parts.flatMap(({ store, prefix, names = [...store.entries.keys()] }) =>
    names.map((name) => ({ store, name, as: prefix + name })),
  );
  const header = entries.map(({ store, name, as }) => {
    const { shape, length } = present(store.entries.get(name), 'a tensor of the store');
    return { name: as, shape, bytes: 4 * length };
  });
  const file = await open(path, 'wx');
  try {
    await writeFully(file, encodeSafetensorsHeader(header, 'F32'));
    for (const { store, name } of entries) {
      const { buffer, byteOffset, byteLength } = await device.read(store, name);
      await writeFully(file, new Uint8Array(buffer, byteOffset, byteLength));
    }
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new EnvironmentError('the trainer’s state cannot be written', { where: path, got, cause });
  } finally {
    await file.close();
  }
}

/** A write may take fewer bytes than it was given. */
async function writeFully(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += (await file.write(bytes, done)).bytesWritten;
}

/** Fills the parts from a file that `saveTensors` wrote. @throws FormatError when it is of another model */
export async function readTensors(path: string, device: Device, parts: readonly StorePart[]): Promise<void> {
  const file = await openSafetensors(path);
  try {
    for (const part of parts) await writeStore(device, part, file.tensors, path);
  } finally {
    await file.close();
  }
}

/** @throws FormatError when a tensor is missing or has another shape; nothing is written then */
export async function writeStore(
  device: Device,
  { store, prefix, names = [...store.entries.keys()] }: StorePart,
  tensors: ReadonlyMap<string, CheckpointTensor>,
  where: string,
): Promise<void> {
  const found = new Map<string, CheckpointTensor>();
  for (const name of names) {
    const { shape } = present(store.entries.get(name), 'a tensor of the store');
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
