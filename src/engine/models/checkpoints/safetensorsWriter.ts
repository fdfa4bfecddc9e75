/** Writes tensors, one at a time, into one safetensors file or into shards with an index, as transformers names them.
 *  The header of a file comes first but is known last: tensors go to a data file, which is then copied behind the
 *  header. */
import { open, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { ShapeError } from '../../../base/errors.js';
import { toBrainFloat, toHalf } from './halfPrecision.js';
import { shardIndexName } from './huggingFace.js';
import { encodeSafetensorsHeader, type SafetensorsType } from './safetensorsHeader.js';

export interface WrittenTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Row-major; its length is the product of the shape. */
  readonly data: Float32Array;
}

export type WrittenType = 'f32' | 'f16' | 'bf16';

export interface SafetensorsOptions {
  readonly dtype: WrittenType;
  /** A new file is begun before a tensor that would make the file longer. */
  readonly maxShardBytes: number;
}

const typeNames: Readonly<Record<WrittenType, SafetensorsType>> = { f32: 'F32', f16: 'F16', bf16: 'BF16' };
const pieceElements = 1 << 21;

interface Shard {
  readonly path: string;
  readonly entries: { readonly name: string; readonly shape: readonly number[]; readonly bytes: number }[];
  bytes: number;
}

/** Files appear in `directory`, which the caller makes and, on failure, removes.
 *  @throws ShapeError when a tensor's data do not fit its shape or a name comes twice */
export async function writeSafetensors(
  directory: string,
  tensors: AsyncIterable<WrittenTensor>,
  { dtype, maxShardBytes }: SafetensorsOptions,
): Promise<void> {
  const shards: Shard[] = [];
  const names = new Set<string>();
  let data: FileHandle | null = null;
  try {
    for await (const tensor of tensors) {
      checkTensor(tensor, names);
      names.add(tensor.name);
      const bytes = tensor.data.length * (dtype === 'f32' ? 4 : 2);
      let shard = shards.at(-1);
      if (shard === undefined || data === null || (shard.bytes > 0 && shard.bytes + bytes > maxShardBytes)) {
        await data?.close();
        shard = { path: join(directory, `data-${shards.length}`), entries: [], bytes: 0 };
        data = await open(shard.path, 'wx');
        shards.push(shard);
      }
      await writeData(data, tensor.data, dtype);
      shard.entries.push({ name: tensor.name, shape: tensor.shape, bytes });
      shard.bytes += bytes;
    }
  } finally {
    await data?.close();
  }
  await finish(directory, shards, dtype);
}

function checkTensor({ name, shape, data }: WrittenTensor, names: ReadonlySet<string>): void {
  const elements = shape.reduce((product, dim) => product * dim, 1);
  if (elements !== data.length) {
    throw new ShapeError(`tensor "${name}" has other data than its shape says`, {
      expected: `${elements} = [${shape.join(', ')}]`,
      got: `${data.length}`,
    });
  }
  if (names.has(name) || name === '__metadata__')
    throw new ShapeError(`two tensors named "${name}", or a reserved name`);
}

async function writeData(file: FileHandle, data: Float32Array, dtype: WrittenType): Promise<void> {
  for (let at = 0; at < data.length; at += pieceElements) {
    const piece = data.subarray(at, at + pieceElements);
    const encoded = dtype === 'f32' ? piece : dtype === 'f16' ? toHalf(piece) : toBrainFloat(piece);
    await writeFully(file, new Uint8Array(encoded.buffer, encoded.byteOffset, encoded.byteLength));
  }
}

async function finish(directory: string, shards: readonly Shard[], dtype: WrittenType): Promise<void> {
  const files = shards.length === 0 ? [{ path: null, entries: [], bytes: 0 }] : shards;
  const weightMap: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [i, { path, entries }] of files.entries()) {
    const fileName =
      files.length === 1 ? 'model.safetensors' : `model-${numbered(i + 1)}-of-${numbered(files.length)}.safetensors`;
    const out = await open(join(directory, fileName), 'wx');
    try {
      await writeFully(out, encodeSafetensorsHeader(entries, typeNames[dtype]));
      if (path !== null) await appendFile(out, path);
      await out.sync();
    } finally {
      await out.close();
    }
    if (path !== null) await rm(path);
    for (const { name } of entries) weightMap[name] = fileName;
  }
  if (files.length > 1) {
    const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    const index = { metadata: { total_size: total }, weight_map: weightMap };
    await writeFile(join(directory, shardIndexName), `${JSON.stringify(index, null, 2)}\n`, { flush: true });
  }
}

async function appendFile(out: FileHandle, path: string): Promise<void> {
  const source = await open(path, 'r');
  try {
    const buffer = new Uint8Array(1 << 23);
    for (;;) {
      const { bytesRead } = await source.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      await writeFully(out, buffer.subarray(0, bytesRead));
    }
  } finally {
    await source.close();
  }
}

/** A write may take fewer bytes than it was given. */
async function writeFully(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, null);
    done += bytesWritten;
  }
}

function numbered(index: number): string {
  return String(index).padStart(5, '0');
}
