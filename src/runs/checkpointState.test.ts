import { mkdtempSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../base/errors.js';
import { present } from '../base/invariant.js';
import { readState, type RunCheckpoint } from './checkpoints.js';
import type { CheckpointState, StateArray } from './checkpointState.js';
import { RunDirectory } from './runDirectory.js';

const constructors = [
  Int8Array,
  Uint8Array,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  BigInt64Array,
  BigUint64Array,
  Float32Array,
  Float64Array,
];

/** Saves a state, ends the run and resumes it. */
async function resumed(
  state: CheckpointState,
  write: (folder: string) => Promise<void> = async () => undefined,
): Promise<RunCheckpoint> {
  const run = RunDirectory.create(join(mkdtempSync(join(tmpdir(), 'gadfly-state-')), 'run'), {
    name: 'test',
    seed: 0,
    configuration: {},
    source: { file: null, folder: '/' },
    inputs: [],
  });
  await run.saveCheckpoint({ step: 1, unit: 'a', score: null, state, write });
  run.close('interrupted');
  const again = RunDirectory.resume(run.path);
  again.close('interrupted');
  return present(again.latestCheckpoint('a'), 'the checkpoint survives');
}

const bytesOf = (array: StateArray): Buffer => Buffer.from(array.buffer, array.byteOffset, array.byteLength);

describe('the state of a checkpoint', () => {
  it('holds typed arrays of every kind, views into others too, bit for bit', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...constructors), fc.uint8Array({ maxLength: 64 }), async (Type, bytes) => {
        // Any bits: NaNs of every kind, minus zero, infinities. The view begins inside its buffer.
        const length = Math.floor(bytes.length / Type.BYTES_PER_ELEMENT);
        const around = new Uint8Array(8 + length * Type.BYTES_PER_ELEMENT);
        around.set(bytes.subarray(0, length * Type.BYTES_PER_ELEMENT), 8);
        const saved = new Type(around.buffer, 8, length);
        const { saved: kept, epoch } = readState(await resumed({ epoch: 3, saved }));
        expect(epoch).toBe(3);
        expect(kept).toBeInstanceOf(Type);
        expect(bytesOf(kept as StateArray)).toEqual(bytesOf(saved));
      }),
      { numRuns: 30, seed: 5, examples: constructors.map((Type) => [Type, new Uint8Array(16).fill(255)]) },
    );
  });

  it('holds a replay buffer: arrays, nested values and a file side by side', async () => {
    const state = {
      next: 2,
      states: Float32Array.of(0.1, NaN, -0, Infinity),
      rewards: new Float64Array(0),
      ids: Int32Array.of(5, -7),
      texts: [{ text: 'ü', ids: [1, 2] }, null],
    };
    const checkpoint = await resumed(state, async (folder) => {
      writeFileSync(join(folder, 'index.bin'), Buffer.of(0, 255, 10));
    });
    expect(readState(checkpoint)).toEqual(state);
    expect(readFileSync(join(checkpoint.folder, 'index.bin'))).toEqual(Buffer.of(0, 255, 10));
  });

  it('names an array that was cut', async () => {
    const checkpoint = await resumed({ rewards: Float32Array.of(1, 2) });
    truncateSync(join(checkpoint.folder, 'state', 'rewards.bin'), 7);
    expect(() => readState(checkpoint)).toThrow(FormatError);
    expect(() => readState(checkpoint)).toThrow(/rewards\.bin: [^]*expected: 8 bytes\n +got: +7 bytes/);
  });
});
