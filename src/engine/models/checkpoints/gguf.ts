/** Reading a model from one GGUF file: weights (dequantised when read), tokenizer and chat template. */
import { FormatError } from '../../../base/errors.js';
import type { Checkpoint, CheckpointTensor } from './checkpoint.js';
import { mapGgufModel } from './ggufArchitecture.js';
import { readGgufHeader, type GgufTensorInfo } from './ggufHeader.js';
import { readMetadata } from './ggufMetadata.js';
import type { Layout } from './ggufNames.js';
import { ropeTensorNames } from './ggufRope.js';
import { buildGgufTokenizer } from './ggufTokenizer.js';
import { openRandomAccess, type RandomAccessFile } from './randomAccess.js';

const pieceBytes = 1 << 23;

/** @throws ConfigError when there is no such file, FormatError when it is malformed or of a kind that is not supported
 */
export async function openGguf(path: string): Promise<Checkpoint> {
  const file = await openRandomAccess(path);
  try {
    const header = await readGgufHeader(file);
    const metadata = readMetadata(header, path);
    const ropeTensors = new Map<string, Float32Array>();
    for (const name of ropeTensorNames) {
      const info = header.tensors.get(name);
      if (info !== undefined) ropeTensors.set(name, await readGgufTensor(file, info));
    }
    const model = mapGgufModel(header, metadata, ropeTensors);
    const tensors = new Map<string, CheckpointTensor>();
    for (const { name, info, layout } of model.tensors) {
      if (tensors.has(name)) throw new FormatError(`two tensors for ${name}`, { where: path });
      if (layout.kind === 'interleavedHalves' && (info.shape[0] ?? 0) % (2 * layout.heads) !== 0) {
        throw new FormatError(`the rows of ${info.name} do not divide into heads`, {
          where: path,
          got: `${info.shape[0]} rows, ${layout.heads} heads`,
        });
      }
      const shape = layout.kind === 'transposed' ? [...info.shape].reverse() : info.shape;
      tensors.set(name, {
        name,
        shape,
        dtype: info.type.name,
        read: async () => arrange(await readGgufTensor(file, info), info.shape, layout),
      });
    }
    const chatTemplate = metadata.text('tokenizer.chat_template');
    return {
      source: path,
      config: model.config,
      tensors,
      tokenizerFiles: buildGgufTokenizer(metadata),
      chatTemplate,
      close: file.close,
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A tensor as it lies in the file, dequantised. */
export async function readGgufTensor(
  file: RandomAccessFile,
  { type, position, bytes }: GgufTensorInfo,
): Promise<Float32Array> {
  const blocks = bytes / type.blockBytes;
  const blocksAPiece = Math.floor(pieceBytes / type.blockBytes);
  const out = new Float32Array(blocks * type.blockElements);
  for (let at = 0; at < blocks; at += blocksAPiece) {
    const count = Math.min(blocksAPiece, blocks - at);
    const piece = await file.read(position + at * type.blockBytes, count * type.blockBytes);
    type.read(piece, count, out, at * type.blockElements);
  }
  return out;
}

/** @param shape as in the file */
function arrange(data: Float32Array, shape: readonly number[], layout: Layout): Float32Array {
  switch (layout.kind) {
    case 'same':
      return data;
    case 'lessOne':
      return data.map((value) => value - 1);
    case 'transposed': {
      const [rows = 1, columns = 1] = shape;
      const out = new Float32Array(data.length);
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++)
          out[column * rows + row] = data[row * columns + column] as number;
      }
      return out;
    }
    case 'interleavedHalves': {
      const rows = shape[0] ?? 0;
      const half = rows / layout.heads / 2;
      const columns = data.length / rows;
      const out = new Float32Array(data.length);
      for (let row = 0; row < rows; row++) {
        const head = Math.floor(row / (2 * half));
        const inHead = row % (2 * half);
        // Row 2i + h of a head is row h·half + i of Hugging Face's.
        const target = head * 2 * half + (inHead % 2) * half + (inHead >> 1);
        out.set(data.subarray(row * columns, (row + 1) * columns), target * columns);
      }
      return out;
    }
  }
}
