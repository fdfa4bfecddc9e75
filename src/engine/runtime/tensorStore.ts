/** Named f32 tensors that live in the device (weights, gradients, moments): how callers see them, and how they lie in
 *  memory. */
import { ConfigError, ShapeError } from '../../base/errors.js';

export interface StoreEntry {
  readonly name: string;
  readonly shape: readonly number[];
}

/** A tensor of a store: f32 elements [offset, offset + length) of the store's flat form (`writeAll`, `readAll`). */
export interface StoredTensor {
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
}

/** A handle: the data stay in the device's worker. */
export interface TensorStore {
  readonly kind: 'store';
  readonly id: number;
  readonly entries: ReadonlyMap<string, StoredTensor>;
  /** f32 elements of all entries together. */
  readonly length: number;
}

/** Entries one after another, without gaps. @throws ConfigError for a repeated name, ShapeError for a shape that is
 *  none. */
export function layOutEntries(entries: readonly StoreEntry[]): {
  readonly entries: ReadonlyMap<string, StoredTensor>;
  readonly length: number;
} {
  const laid = new Map<string, StoredTensor>();
  let offset = 0;
  for (const { name, shape } of entries) {
    if (laid.has(name)) throw new ConfigError('two tensors of one store have the same name', { where: name });
    const length = elementCount(name, shape);
    laid.set(name, { shape: [...shape], offset, length });
    offset += length;
  }
  return { entries: laid, length: offset };
}

/** Product of the sizes. @throws ShapeError when one is no size. */
export function elementCount(where: string, shape: readonly number[]): number {
  for (const size of shape) {
    if (!Number.isInteger(size) || size < 0)
      throw new ShapeError('not a shape', { where, expected: 'integers ≥ 0', got: `[${shape.join(', ')}]` });
  }
  return shape.reduce((product, size) => product * size, 1);
}
