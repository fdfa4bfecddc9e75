/** The head of a GGUF file: metadata and the list of tensors, versions 2 and 3, little-endian. Layout: magic "GGUF",
 *  u32 version, u64 tensor count, u64 metadata count, key/value pairs, tensor descriptions, padding, data. Source:
 *  https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The file is not trusted: every count is checked against
 *  the bytes that are left before anything is allocated. */
import { FormatError } from '../../../base/errors.js';
import type { RandomAccessFile } from './randomAccess.js';
import { ggufTypes, type GgufType } from './ggufTypes.js';

/** Numbers of arrays stay typed; 64-bit integers become numbers, exact up to 2^53. */
export type GgufValue = number | boolean | string | readonly string[] | NumericArray | readonly GgufValue[];
type NumericArray =
  Float32Array | Float64Array | Int32Array | Uint32Array | Int16Array | Uint16Array | Int8Array | Uint8Array;

export interface GgufTensorInfo {
  readonly name: string;
  /** Outermost first, as everywhere in Gadfly; the file has them reversed. */
  readonly shape: readonly number[];
  readonly type: GgufType;
  /** Bytes from the start of the file. */
  readonly position: number;
  readonly bytes: number;
}

export interface GgufHeader {
  readonly version: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensorInfo>;
}

const magic = 0x46554747;
const maxDimensions = 4;
const maxNesting = 4;
const defaultAlignment = 32;

/** @throws FormatError on anything that is not exactly the format */
export async function readGgufHeader(file: RandomAccessFile): Promise<GgufHeader> {
  const reader = createReader(file);
  const found = await reader.u32();
  if (found !== magic) {
    throw new FormatError('not a GGUF file', {
      where: file.path,
      expected: 'the bytes "GGUF" first',
      got: `0x${found.toString(16)}`,
    });
  }
  const version = await reader.u32();
  if (version !== 2 && version !== 3) {
    const isSwapped = (version & 0xffff) === 0;
    throw new FormatError(isSwapped ? 'a big-endian GGUF file' : 'an unsupported version of GGUF', {
      where: file.path,
      expected: 'version 2 or 3, little-endian',
      got: isSwapped ? 'big-endian' : `version ${version}`,
      remedy: 'Convert the model again with a current llama.cpp.',
    });
  }
  const tensorCount = await reader.count(24, 'tensors');
  const metadataCount = await reader.count(13, 'metadata entries');
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < metadataCount; i++) {
    const key = await reader.text();
    if (metadata.has(key))
      throw new FormatError(`metadata key ${JSON.stringify(key)} occurs twice`, { where: file.path });
    metadata.set(key, await readValue(reader, await reader.u32(), 0));
  }
  const descriptions: TensorDescription[] = [];
  for (let i = 0; i < tensorCount; i++) descriptions.push(await readTensorDescription(reader));
  return {
    version,
    metadata,
    tensors: placeTensors(file, descriptions, reader.position(), alignmentOf(metadata, file.path)),
  };
}

/** Reads little-endian values one after another through a window on the file. */
interface Reader {
  readonly path: string;
  readonly position: () => number;
  readonly take: (length: number) => Promise<DataView>;
  readonly u32: () => Promise<number>;
  /** A u64 that must be an exact number. */
  readonly u64: () => Promise<number>;
  /** A u64 that counts things of at least `bytesEach` bytes, all of which must lie in the rest of the file. */
  readonly count: (bytesEach: number, what: string) => Promise<number>;
  readonly text: () => Promise<string>;
}

const windowBytes = 1 << 20;

function createReader(file: RandomAccessFile): Reader {
  let window: Uint8Array = new Uint8Array(0);
  let windowStart = 0;
  let position = 0;
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const fail = (problem: string, got: string): never => {
    throw new FormatError(problem, {
      where: `${file.path}, byte ${position}`,
      got,
      remedy: 'The file is damaged: fetch or copy it again.',
    });
  };
  const take = async (length: number): Promise<DataView> => {
    if (length > file.size - position)
      fail('the file ends early', `${file.size - position} bytes left, ${length} needed`);
    if (position < windowStart || position + length > windowStart + window.length) {
      window = await file.read(position, Math.min(Math.max(length, windowBytes), file.size - position));
      windowStart = position;
    }
    const view = new DataView(window.buffer, window.byteOffset + position - windowStart, length);
    position += length;
    return view;
  };
  const u64 = async (): Promise<number> => {
    const value = (await take(8)).getBigUint64(0, true);
    return value <= BigInt(Number.MAX_SAFE_INTEGER)
      ? Number(value)
      : fail('a count or offset is absurdly large', `${value}`);
  };
  const count = async (bytesEach: number, what: string): Promise<number> => {
    const value = await u64();
    return value <= (file.size - position) / bytesEach
      ? value
      : fail(`more ${what} than the file has room for`, `${value}`);
  };
  return {
    path: file.path,
    position: () => position,
    take,
    u32: async () => (await take(4)).getUint32(0, true),
    u64,
    count,
    text: async () => {
      const view = await take(await count(1, 'bytes of text'));
      try {
        return decoder.decode(view);
      } catch {
        return fail('a text is not UTF-8', `${view.byteLength} bytes`);
      }
    },
  };
}

interface NumericKind {
  readonly bytes: number;
  readonly read: (view: DataView, at: number) => number | boolean;
  readonly array: (length: number) => NumericArray;
}

/** Element types of metadata, by their number in the file; 8 is text, 9 an array. */
const numericKinds: readonly (NumericKind | null)[] = [
  { bytes: 1, read: (view, at) => view.getUint8(at), array: (length) => new Uint8Array(length) },
  { bytes: 1, read: (view, at) => view.getInt8(at), array: (length) => new Int8Array(length) },
  { bytes: 2, read: (view, at) => view.getUint16(at, true), array: (length) => new Uint16Array(length) },
  { bytes: 2, read: (view, at) => view.getInt16(at, true), array: (length) => new Int16Array(length) },
  { bytes: 4, read: (view, at) => view.getUint32(at, true), array: (length) => new Uint32Array(length) },
  { bytes: 4, read: (view, at) => view.getInt32(at, true), array: (length) => new Int32Array(length) },
  { bytes: 4, read: (view, at) => view.getFloat32(at, true), array: (length) => new Float32Array(length) },
  { bytes: 1, read: (view, at) => view.getUint8(at) !== 0, array: (length) => new Uint8Array(length) },
  null,
  null,
  { bytes: 8, read: (view, at) => Number(view.getBigUint64(at, true)), array: (length) => new Float64Array(length) },
  { bytes: 8, read: (view, at) => Number(view.getBigInt64(at, true)), array: (length) => new Float64Array(length) },
  { bytes: 8, read: (view, at) => view.getFloat64(at, true), array: (length) => new Float64Array(length) },
];
const textKind = 8;
const arrayKind = 9;

async function readValue(reader: Reader, kind: number, nesting: number): Promise<GgufValue> {
  if (kind === textKind) return reader.text();
  if (kind === arrayKind) return readArray(reader, nesting + 1);
  const numeric = numericKinds[kind];
  if (numeric === undefined || numeric === null) {
    throw new FormatError('unknown type of metadata', {
      where: `${reader.path}, byte ${reader.position()}`,
      got: `${kind}`,
    });
  }
  return numeric.read(await reader.take(numeric.bytes), 0);
}

async function readArray(reader: Reader, nesting: number): Promise<GgufValue> {
  const where = `${reader.path}, byte ${reader.position()}`;
  if (nesting > maxNesting) throw new FormatError('arrays nested too deeply', { where });
  const kind = await reader.u32();
  const numeric = numericKinds[kind];
  if (numeric !== undefined && numeric !== null) {
    const length = await reader.count(numeric.bytes, 'array elements');
    const view = await reader.take(length * numeric.bytes);
    const out = numeric.array(length);
    for (let i = 0; i < length; i++) out[i] = Number(numeric.read(view, i * numeric.bytes));
    return out;
  }
  if (kind !== textKind && kind !== arrayKind)
    throw new FormatError('unknown type of array elements', { where, got: `${kind}` });
  const length = await reader.count(8, 'array elements');
  const out: GgufValue[] = [];
  for (let i = 0; i < length; i++) out.push(await readValue(reader, kind, nesting));
  return out;
}

interface TensorDescription {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: GgufType;
  readonly offset: number;
  readonly bytes: number;
}

async function readTensorDescription(reader: Reader): Promise<TensorDescription> {
  const name = await reader.text();
  const fail = (problem: string, got: string): never => {
    throw new FormatError(`tensor ${JSON.stringify(name.slice(0, 100))}: ${problem}`, { where: reader.path, got });
  };
  const dimensions = await reader.u32();
  if (dimensions > maxDimensions) fail('too many dimensions', `${dimensions}`);
  const innermostFirst: number[] = [];
  for (let i = 0; i < dimensions; i++) innermostFirst.push(await reader.u64());
  const typeNumber = await reader.u32();
  const type = ggufTypes.get(typeNumber);
  if (type === undefined) {
    throw new FormatError(`tensor ${JSON.stringify(name.slice(0, 100))} has an unsupported element type`, {
      where: reader.path,
      expected: [...ggufTypes.values()].map(({ name: typeName }) => typeName).join(', '),
      got: `ggml type ${typeNumber}`,
      remedy: 'Take another quantisation of the model.',
    });
  }
  const offset = await reader.u64();
  const elements = innermostFirst.reduce((product, dim) => product * dim, 1);
  const bytes = (elements / type.blockElements) * type.blockBytes;
  if (!Number.isSafeInteger(elements) || !Number.isSafeInteger(bytes))
    fail('its size is impossible', `[${innermostFirst.join(', ')}]`);
  if ((innermostFirst[0] ?? 1) % type.blockElements !== 0)
    fail(`rows do not fill blocks of ${type.blockElements}`, `${innermostFirst[0]}`);
  return { name, shape: innermostFirst.reverse(), type, offset, bytes };
}

function alignmentOf(metadata: ReadonlyMap<string, GgufValue>, where: string): number {
  const alignment = metadata.get('general.alignment') ?? defaultAlignment;
  if (typeof alignment !== 'number' || !Number.isInteger(alignment) || alignment < 1 || alignment > 1 << 20) {
    throw new FormatError('general.alignment is not a sensible number', { where, got: JSON.stringify(alignment) });
  }
  return alignment;
}

function placeTensors(
  file: RandomAccessFile,
  descriptions: readonly TensorDescription[],
  headerEnd: number,
  alignment: number,
): ReadonlyMap<string, GgufTensorInfo> {
  const dataStart = Math.ceil(headerEnd / alignment) * alignment;
  const tensors = new Map<string, GgufTensorInfo>();
  let reached = dataStart;
  for (const { name, shape, type, offset, bytes } of [...descriptions].sort(
    (a, b) => a.offset - b.offset || a.bytes - b.bytes,
  )) {
    const position = dataStart + offset;
    const problem =
      offset % alignment !== 0
        ? 'is not aligned'
        : position < reached
          ? 'overlaps another tensor'
          : position + bytes > file.size
            ? 'lies past the end of the file'
            : tensors.has(name)
              ? 'occurs twice'
              : null;
    if (problem !== null) {
      throw new FormatError(`tensor ${JSON.stringify(name.slice(0, 100))} ${problem}`, {
        where: file.path,
        got: `${bytes} bytes at ${position} of ${file.size}`,
        remedy: 'The file is damaged or cut short: fetch or copy it again.',
      });
    }
    reached = position + bytes;
    tensors.set(name, { name, shape, type, position, bytes });
  }
  return tensors;
}
