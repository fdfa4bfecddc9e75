/** Adapters as a trainer elsewhere sends them: a tar.gz with PEFT's two files, laid into a folder of its own. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { FormatError } from '../../base/errors.js';
import { type ArchivedFile, unpackTar } from '../../base/tar.js';
import { openPeftTensors } from '../../engine/models/adapters/peftFolder.js';

const names = ['adapter_config.json', 'adapter_model.safetensors'];

/** Unpacks an archive into a temporary folder for as long as it is used. Nothing else of the archive is written.
 *  @throws FormatError for what holds no adapter */
export async function withAdapterFolder<T>(archive: Uint8Array, use: (folder: string) => Promise<T>): Promise<T> {
  const files = unpackAdapter(archive);
  const folder = await mkdtemp(join(tmpdir(), 'gadfly-adapter-'));
  try {
    for (const { name, bytes } of files) await writeFile(join(folder, basename(name)), bytes);
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function unpackAdapter(archive: Uint8Array): readonly ArchivedFile[] {
  const where = 'the trainer’s archive';
  let tar: Uint8Array;
  try {
    tar = gunzipSync(archive);
  } catch (cause) {
    throw new FormatError('this is no gzip archive', { where, cause });
  }
  const all = unpackTar(tar, where);
  return names.map((name) => {
    const found = all.find((file) => basename(file.name) === name);
    if (found !== undefined) return found;
    throw new FormatError('the archive holds no adapter', {
      where,
      expected: name,
      got: all.map((file) => file.name).join(', '),
    });
  });
}

/** Returns all numbers of an adapter, by name. */
export async function adapterNumbers(archive: Uint8Array): Promise<ReadonlyMap<string, Float32Array>> {
  return withAdapterFolder(archive, async (folder) => {
    const { tensors, close } = await openPeftTensors(folder);
    try {
      const numbers = new Map<string, Float32Array>();
      for (const [name, tensor] of tensors) numbers.set(name, await tensor.read());
      return numbers;
    } finally {
      await close();
    }
  });
}
