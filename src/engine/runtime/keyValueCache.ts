/** The key/value cache of one batch: a buffer [B, KV, capacity, D] for keys and one for values of each layer. The
 *  program reads and writes it in place (GroupQueryAttention with past and present in one buffer); rows leave it when
 *  they end. */
import type * as ort from 'onnxruntime-node';
import { present } from '../../base/invariant.js';
import type { CacheShape } from './decodeRow.js';
import { ortTensor } from './ortTensor.js';

export interface CacheTensors {
  /** pastK.i, pastV.i */
  readonly past: Readonly<Record<string, ort.Tensor>>;
  /** presentK.i, presentV.i over the same memory */
  readonly present: Readonly<Record<string, ort.Tensor>>;
}

export interface KeyValueCache {
  /** The first `rows` rows, as feeds and fetches. */
  readonly tensors: (rows: number) => CacheTensors;
  /** Copies tokens from a place in this or another cache of the same shape to one in this. */
  readonly copyTokens: (from: KeyValueCache, source: CachePlace, target: CachePlace, tokens: number) => void;
  /** Capacity of a row, in tokens, and the buffer of each part. */
  readonly memory: { readonly capacity: number; readonly buffers: readonly Float32Array[] };
}

export interface CachePlace {
  readonly row: number;
  readonly token: number;
}

/** f32 elements of one token over all layers. */
export function cacheElementsPerToken({ layers, kvHeads, headSize }: CacheShape): number {
  return 2 * layers * kvHeads * headSize;
}

/** @param name of its buffers; caches of one name take over each other's memory
 *  @param pool kept by the caller from batch to batch: allocating anew costs a page fault every 4 KB */
export function createKeyValueCache(
  { layers, kvHeads, headSize }: CacheShape,
  { name, rows, capacity }: { readonly name: string; readonly rows: number; readonly capacity: number },
  pool: Map<string, Float32Array>,
): KeyValueCache {
  const headLength = capacity * headSize;
  const rowLength = kvHeads * headLength;
  const parts = Array.from({ length: layers }, (_, layer) => [`K.${layer}`, `V.${layer}`]).flat();
  const buffers = parts.map((part) => reuse(pool, `${name} ${part}`, rows * rowLength));
  return {
    memory: { capacity, buffers },
    tensors(count) {
      const pairs = parts.map((part, index) => {
        const buffer = present(buffers[index], `${part} was allocated`);
        return [
          part,
          ortTensor('f32', buffer.subarray(0, count * rowLength), [count, kvHeads, capacity, headSize]),
        ] as const;
      });
      return {
        past: Object.fromEntries(pairs.map(([part, tensor]) => [`past${part}`, tensor])),
        present: Object.fromEntries(pairs.map(([part, tensor]) => [`present${part}`, tensor])),
      };
    },
    copyTokens({ memory: from }, source, target, tokens) {
      const sourceHead = from.capacity * headSize;
      buffers.forEach((buffer, index) => {
        const other = present(from.buffers[index], 'caches of one shape have the same parts');
        for (let head = 0; head < kvHeads; head++) {
          const start = (source.row * kvHeads + head) * sourceHead + source.token * headSize;
          const place = target.row * rowLength + head * headLength + target.token * headSize;
          buffer.set(other.subarray(start, start + tokens * headSize), place);
        }
      });
    },
  };
}

/** A buffer of the pool, grown if it is too short. */
export function reuse(pool: Map<string, Float32Array>, name: string, length: number): Float32Array {
  let buffer = pool.get(name);
  if (buffer === undefined || buffer.length < length) {
    buffer = new Float32Array(length);
    pool.set(name, buffer);
  }
  return buffer.subarray(0, length);
}
