/** A store as the worker holds it: each tensor's place in a WebAssembly memory. */
import { createHash } from 'node:crypto';
import { ConfigError, ShapeError } from '../../base/errors.js';
import { alignUp, MemoryPool, type Region } from './memoryPool.js';
import { layOutEntries, type StoreEntry } from './tensorStore.js';

export interface ResidentTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly memory: WebAssembly.Memory;
  readonly byteOffset: number;
  /** f32 elements */
  readonly length: number;
  /** Known to be all zeros, so that a gradient may be written instead of added. */
  zero: boolean;
}

export interface ResidentStore {
  readonly id: number;
  /** In the order of the store's flat form. */
  readonly tensors: ReadonlyMap<string, ResidentTensor>;
  readonly length: number;
  /** Its memory: one region, or several where one memory is too small. */
  readonly regions: readonly Region[];
}

/** @param beside a store that is stepped together with this one */
export function createResidentStore(
  pool: MemoryPool,
  id: number,
  entries: readonly StoreEntry[],
  beside: ResidentStore | null,
): ResidentStore {
  const laid = layOutEntries(entries);
  const tensors = new Map<string, ResidentTensor>();
  const regions: Region[] = [];
  for (const part of partition([...laid.entries])) {
    const bytes = part.reduce((sum, [, { length }]) => sum + alignUp(length * 4), 0);
    const region = pool.allocate(bytes, beside?.regions[regions.length]?.memory ?? beside?.regions[0]?.memory ?? null);
    regions.push(region);
    let byteOffset = region.byteOffset;
    for (const [name, { shape, length }] of part) {
      tensors.set(name, { name, shape, memory: region.memory, byteOffset, length, zero: true });
      byteOffset += alignUp(length * 4);
    }
  }
  return { id, tensors, length: laid.length, regions };
}

/** Splits entries into runs that fit one memory each. */
function partition<T extends readonly [string, { readonly length: number }]>(entries: readonly T[]): T[][] {
  const parts: T[][] = [];
  let bytes = Infinity;
  for (const entry of entries) {
    const size = alignUp(entry[1].length * 4);
    if (!MemoryPool.fits(bytes + size)) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(entry);
    bytes += size;
  }
  return parts;
}

/** The tensor's elements, now: the next growth of the memory detaches the view. */
export function viewOf({ memory, byteOffset, length }: ResidentTensor): Float32Array<ArrayBuffer> {
  return new Float32Array(memory.buffer, byteOffset, length);
}

export function residentTensor(store: ResidentStore, name: string): ResidentTensor {
  const tensor = store.tensors.get(name);
  if (tensor === undefined) {
    throw new ConfigError('the store has no such tensor', {
      where: name,
      expected: `one of ${summary([...store.tensors.keys()])}`,
    });
  }
  return tensor;
}

function summary(names: readonly string[]): string {
  return names.length <= 6 ? names.join(', ') : `${names.slice(0, 6).join(', ')} … (${names.length})`;
}

export function writeTensor(store: ResidentStore, name: string, data: Float32Array): void {
  const tensor = residentTensor(store, name);
  if (data.length !== tensor.length) {
    throw new ShapeError('wrong number of elements', {
      where: name,
      expected: `${tensor.length} for [${tensor.shape.join(', ')}]`,
      got: String(data.length),
    });
  }
  viewOf(tensor).set(data);
  tensor.zero = false;
}

export function writeFlat(store: ResidentStore, data: Float32Array): void {
  if (data.length !== store.length) {
    throw new ShapeError('wrong number of elements for the whole store', {
      expected: String(store.length),
      got: String(data.length),
    });
  }
  let offset = 0;
  for (const tensor of store.tensors.values()) {
    viewOf(tensor).set(data.subarray(offset, offset + tensor.length));
    tensor.zero = false;
    offset += tensor.length;
  }
}

export function readFlat(store: ResidentStore): Float32Array<ArrayBuffer> {
  const data = new Float32Array(store.length);
  let offset = 0;
  for (const tensor of store.tensors.values()) {
    data.set(viewOf(tensor), offset);
    offset += tensor.length;
  }
  return data;
}

/** Copies every tensor; further tensors of the other store stay as they are.
 *  @throws ShapeError unless the other store has tensors of the same names and shapes */
export function copyStore(from: ResidentStore, to: ResidentStore): void {
  for (const [source, target] of matchedTensors(from, to)) {
    viewOf(target).set(viewOf(source));
    target.zero = source.zero;
  }
}

/** Each tensor of a store with its namesake in another one, which may hold more.
 *  @throws ShapeError unless the other store has tensors of the same names and shapes */
export function matchedTensors(
  from: ResidentStore,
  to: ResidentStore,
): readonly (readonly [source: ResidentTensor, target: ResidentTensor])[] {
  const names = (store: ResidentStore): readonly string[] =>
    [...store.tensors.values()].map(({ name, shape }) => `${name}[${shape.join()}]`).sort();
  const held = new Set(names(to));
  if (!names(from).every((name) => held.has(name)))
    throw new ShapeError('the stores hold different tensors', {
      expected: names(from).join(' '),
      got: names(to).join(' '),
    });
  return [...from.tensors.values()].map((source) => [source, residentTensor(to, source.name)] as const);
}

export function fillStore(store: ResidentStore, value: number): void {
  for (const tensor of store.tensors.values()) {
    if (!(value === 0 && tensor.zero)) viewOf(tensor).fill(value);
    tensor.zero = value === 0;
  }
}

/** SHA-256 of the flat form's bytes (little endian), hexadecimal. */
export function hashStore(store: ResidentStore): string {
  const hash = createHash('sha256');
  for (const tensor of store.tensors.values()) hash.update(viewOf(tensor));
  return hash.digest('hex');
}
