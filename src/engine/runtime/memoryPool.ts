/** The device's tensors lie in regions of WebAssembly memories. A memory ends at 4 GB, so there are several; the
 *  optimizer kernel works on one memory at a time, so stores that are stepped together are asked to lie beside each
 *  other. Growing a memory keeps its addresses but detaches its views: take a view when it is needed, never keep one.
 */
import { ConfigError, EnvironmentError } from '../../base/errors.js';
import { invariant } from '../../base/invariant.js';

const pageBytes = 65536;
/** One page short of 4 GB, so that every end address fits 32 bits. */
const memoryLimitBytes = 65535 * pageBytes;
/** Regions below this share one memory: each memory reserves gigabytes of address space, however small. */
const smallBytes = 16 * 1024 * 1024;
/** Start of every region and tensor: a cache line. */
const alignmentBytes = 64;

export interface Region {
  readonly memory: WebAssembly.Memory;
  readonly byteOffset: number;
  readonly byteLength: number;
}

interface Extent {
  readonly start: number;
  readonly end: number;
}

interface PooledMemory {
  readonly memory: WebAssembly.Memory;
  /** Unused extents, in order, not touching. */
  free: readonly Extent[];
  regions: number;
  /** Bytes from here on were never used: they are zero. */
  untouched: number;
}

export function alignUp(bytes: number): number {
  return Math.ceil(bytes / alignmentBytes) * alignmentBytes;
}

/** Guards the free lists of the memories. */
export class MemoryPool {
  readonly #pooled = new Map<WebAssembly.Memory, PooledMemory>();
  #small: PooledMemory | null = null;

  /** Whether a region of this size can exist in one memory. */
  static fits(bytes: number): boolean {
    return bytes <= memoryLimitBytes;
  }

  static readonly limitBytes = memoryLimitBytes;

  /** Bytes in the memory of `beside` where there is room; zeroed unless `unclean` (for what is written before it is
   *  read).
   *  @throws ConfigError for more than 4 GB at once, EnvironmentError when the machine has no more */
  allocate(byteLength: number, beside: WebAssembly.Memory | null = null, unclean = false): Region {
    if (!MemoryPool.fits(byteLength)) {
      throw new ConfigError('a tensor is larger than a memory', {
        expected: `at most ${memoryLimitBytes} bytes`,
        got: String(byteLength),
      });
    }
    const size = Math.max(alignUp(byteLength), alignmentBytes);
    const neighbour = beside === null ? (size < smallBytes ? this.#small : null) : (this.#pooled.get(beside) ?? null);
    const region = neighbour === null ? null : take(neighbour, size, unclean);
    return region ?? this.#inNewMemory(size);
  }

  /** Gives a region back; a memory without regions is left to the garbage collector. */
  free({ memory, byteOffset, byteLength }: Region): void {
    const pooled = this.#pooled.get(memory);
    invariant(pooled !== undefined, 'a region is freed once, in the pool that gave it');
    pooled.regions -= 1;
    if (pooled.regions === 0) {
      this.#pooled.delete(memory);
      if (this.#small === pooled) this.#small = null;
      return;
    }
    pooled.free = merged([...pooled.free, { start: byteOffset, end: byteOffset + byteLength }]);
  }

  /** Bytes of all memories together. */
  get byteLength(): number {
    return [...this.#pooled.keys()].reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
  }

  #inNewMemory(size: number): Region {
    const pages = Math.ceil(size / pageBytes);
    try {
      const memory = new WebAssembly.Memory({ initial: pages, maximum: 65535 });
      const pooled: PooledMemory = { memory, free: [{ start: 0, end: pages * pageBytes }], regions: 0, untouched: 0 };
      this.#pooled.set(memory, pooled);
      if (size < smallBytes) this.#small ??= pooled;
      const region = take(pooled, size, true);
      invariant(region !== null, 'a new memory has room for what it was made for');
      return region;
    } catch (cause) {
      throw new EnvironmentError('The machine has no more memory for tensors', {
        expected: `${Math.ceil(size / 2 ** 20)} MB more`,
        got: `${Math.ceil(this.byteLength / 2 ** 20)} MB in use`,
        remedy: 'Use a smaller model or fewer models at once.',
        cause,
      });
    }
  }
}

/** A region of the memory: from a free extent, or by growing; null when neither works. */
function take(pooled: PooledMemory, size: number, unclean: boolean): Region | null {
  if (!pooled.free.some(({ start, end }) => end - start >= size) && !grow(pooled, size)) return null;
  const extent = pooled.free.find(({ start, end }) => end - start >= size);
  invariant(extent !== undefined, 'there is room now');
  pooled.free = pooled.free.flatMap((each) =>
    each !== extent ? [each] : each.start + size < each.end ? [{ start: each.start + size, end: each.end }] : [],
  );
  pooled.regions += 1;
  const end = extent.start + size;
  if (!unclean && extent.start < pooled.untouched)
    new Uint8Array(pooled.memory.buffer, extent.start, Math.min(end, pooled.untouched) - extent.start).fill(0);
  pooled.untouched = Math.max(pooled.untouched, end);
  return { memory: pooled.memory, byteOffset: extent.start, byteLength: size };
}

function grow(pooled: PooledMemory, size: number): boolean {
  const before = pooled.memory.buffer.byteLength;
  const last = pooled.free.at(-1);
  const missing = size - (last !== undefined && last.end === before ? last.end - last.start : 0);
  const pages = Math.ceil(missing / pageBytes);
  if (before + pages * pageBytes > memoryLimitBytes) return false;
  try {
    pooled.memory.grow(pages);
  } catch {
    return false;
  }
  pooled.free = merged([...pooled.free, { start: before, end: before + pages * pageBytes }]);
  return true;
}

function merged(extents: readonly Extent[]): Extent[] {
  const out: Extent[] = [];
  for (const extent of extents.toSorted((a, b) => a.start - b.start)) {
    const last = out.at(-1);
    if (last !== undefined && last.end === extent.start) out[out.length - 1] = { start: last.start, end: extent.end };
    else out.push(extent);
  }
  return out;
}
