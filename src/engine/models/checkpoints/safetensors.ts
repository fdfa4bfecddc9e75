/** Reading a safetensors file tensor by tensor. Owns which element types become f32 and how. The header is checked in
 *  safetensorsHeader.ts; a tensor's bytes are read when asked for, in pieces, and never kept. */
import { FormatError } from '../../../base/errors.js';
import type { CheckpointTensor } from './checkpoint.js';
import { readBrainFloat, readHalf } from './halfPrecision.js';
import { openRandomAccess, type RandomAccessFile } from './randomAccess.js';
import { maxHeaderBytes, parseSafetensorsHeader, type SafetensorsEntry } from './safetensorsHeader.js';

export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  readonly close: () => Promise<void>;
}

const pieceElements = 1 << 22;

/** @throws ConfigError when there is no such file, FormatError when it is not a well-formed safetensors file */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const file = await openRandomAccess(path);
  try {
    const { dataStart, entries } = await readHeader(file);
    const tensors = new Map(
      entries.map((entry): [string, CheckpointTensor] => [
        entry.name,
        { name: entry.name, shape: entry.shape, dtype: entry.dtype, read: () => readTensor(file, dataStart, entry) },
      ]),
    );
    return { tensors, close: file.close };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readHeader(
  file: RandomAccessFile,
): Promise<{ dataStart: number; entries: readonly SafetensorsEntry[] }> {
  if (file.size < 8) {
    throw new FormatError('too short for a safetensors file', {
      where: file.path,
      expected: '8 bytes or more',
      got: `${file.size}`,
    });
  }
  const prefix = await file.read(0, 8);
  const length = new DataView(prefix.buffer).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes) || length > BigInt(file.size - 8)) {
    throw new FormatError('the header is longer than it can be', {
      where: file.path,
      expected: `at most ${Math.min(maxHeaderBytes, file.size - 8)} bytes`,
      got: `${length}`,
      remedy: 'Either this is not a safetensors file, or it was cut short: fetch it again.',
    });
  }
  const bytes = await file.read(8, Number(length));
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new FormatError('the header is not UTF-8', {
      where: file.path,
      remedy: 'Is this a safetensors file?',
      cause,
    });
  }
  const dataStart = 8 + Number(length);
  return { dataStart, entries: parseSafetensorsHeader(text, file.size - dataStart, file.path) };
}

async function readTensor(
  file: RandomAccessFile,
  dataStart: number,
  { name, dtype, begin, end }: SafetensorsEntry,
): Promise<Float32Array> {
  const widths: Readonly<Record<string, number>> = { F64: 8, F32: 4, F16: 2, BF16: 2 };
  const width = widths[dtype];
  if (width === undefined) {
    throw new FormatError(`tensor ${JSON.stringify(name)} has element type ${dtype}`, {
      where: file.path,
      expected: 'F64, F32, F16 or BF16',
      remedy: 'Convert the checkpoint to one of these first.',
    });
  }
  const count = (end - begin) / width;
  if (dtype === 'F32') {
    const bytes = await file.read(dataStart + begin, end - begin);
    return new Float32Array(bytes.buffer, 0, count);
  }
  const out = new Float32Array(count);
  for (let at = 0; at < count; at += pieceElements) {
    const length = Math.min(pieceElements, count - at);
    const bytes = await file.read(dataStart + begin + at * width, length * width);
    if (dtype === 'F64') out.set(new Float64Array(bytes.buffer, 0, length), at);
    else if (dtype === 'F16') readHalf(bytes, length, out, at);
    else readBrainFloat(bytes, length, out, at);
  }
  return out;
}
