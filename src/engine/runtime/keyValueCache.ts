/** The key/value cache of one batch: a buffer [B, KV, capacity, D] for keys and one for values of each layer. The program reads and
 *  writes it in place (GroupQueryAttention with past and present in one buffer); rows leave it when they end. */
import type * as ort from 'onnxruntime-node';
import { present } from '../../base/invariant.js';
import type { CacheShape } from './decodeRow.js';
import { ortTensor } from './residentProgram.js';

export interface CacheTensors {
  /** pastK.i, pastV.i */
  readonly past: Readonly<Record<string, ort.Tensor>>;
  /** presentK.i, presentV.i over the same memory */
  readonly present: Readonly<Record<string, ort.Tensor>>;
}

export interface KeyValueCache {
  /** The first `rows` rows, as feeds and fetches. */
  readonly tensors: (rows: number) => CacheTensors;
  /** Copies the first `tokens` tokens of a row over another row. */
  readonly copyRow: (from: number, to: number, tokens: number) => void;
}

/** f32 elements of one token over all layers. */
export function cacheElementsPerToken({ layers, kvHeads, headSize }: CacheShape): number {
  return 2 * layers * kvHeads * headSize;
}

/** @param buffers kept by the caller from batch to batch: allocating anew costs a page fault every 4 KB */
export function createKeyValueCache(
  { layers, kvHeads, headSize }: CacheShape,
  rows: number,
  capacity: number,
  buffers: Map<string, Float32Array>,
): KeyValueCache {
  const headLength = capacity * headSize;
  const rowLength = kvHeads * headLength;
  const names = Array.from({ length: layers }, (_, layer) => [`K.${layer}`, `V.${layer}`]).flat();
  for (const name of names) {
    if ((buffers.get(name)?.length ?? -1) < rows * rowLength) buffers.set(name, new Float32Array(rows * rowLength));
  }
  return {
    tensors(count) {
      const pairs = names.map((name) => {
        const buffer = present(buffers.get(name), `${name} was allocated`);
        return [name, ortTensor('f32', buffer.subarray(0, count * rowLength), [count, kvHeads, capacity, headSize])] as const;
      });
      return {
        past: Object.fromEntries(pairs.map(([name, tensor]) => [`past${name}`, tensor])),
        present: Object.fromEntries(pairs.map(([name, tensor]) => [`present${name}`, tensor])),
      };
    },
    copyRow(from, to, tokens) {
      for (const name of names) {
        const buffer = present(buffers.get(name), `${name} was allocated`);
        for (let head = 0; head < kvHeads; head++) {
          const start = from * rowLength + head * headLength;
          buffer.copyWithin(to * rowLength + head * headLength, start, start + tokens * headSize);
        }
      }
    },
  };
}
