/** Compares the tensors of a checkpoint with those that transformers loads from the same file. */
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { openCheckpoint } from '../openCheckpoint.js';

/** The reading of a file by transformers: its configuration, and every tensor with a hash of its bytes. */
export interface LoadedByTransformers {
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: Readonly<Record<string, { readonly shape: readonly number[]; readonly sha256: string }>>;
}

/** Expects the same names, shapes and values. */
export async function expectTensors(path: string, { tensors }: LoadedByTransformers): Promise<void> {
  const checkpoint = await openCheckpoint(path);
  expect(checkpoint.tensors.size).toBeGreaterThan(0);
  expect([...checkpoint.tensors.keys()].sort()).toEqual(Object.keys(tensors).sort());
  for (const [name, tensor] of checkpoint.tensors) {
    expect(tensor.shape, name).toEqual(tensors[name]?.shape);
    const hash = createHash('sha256')
      .update(await tensor.read())
      .digest('hex');
    expect(hash, name).toBe(tensors[name]?.sha256);
  }
  await checkpoint.close();
}
