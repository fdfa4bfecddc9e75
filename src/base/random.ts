/** Named, seeded random streams: the same (seed, name, indices) gives the same draws, whatever else was drawn before,
 *  in whatever order and at whatever batch size. There is no other source of randomness in Gadfly.
 *
 *  The name and indices are hashed (FNV-1a with an avalanche, 64 bits) into the seed of a xoroshiro128+ generator
 *  (pure-rand). A run that goes on opens the streams of the indices to come, so that no state is kept. */
import { xoroshiro128plus, xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import type { JumpableRandomGenerator } from 'pure-rand/types/JumpableRandomGenerator';
import { invariant } from './invariant.js';

/** A stream is drawn from its key; plain data, so it can cross to a worker or be written to a file. */
export interface StreamKey {
  readonly seed: number;
  readonly name: string;
  readonly indices: readonly number[];
}

export interface RandomStream {
  /** Uniform in [0, 1), 53 bits. */
  readonly uniform: () => number;
  /** Standard normal (Box–Muller, one draw a call). */
  readonly normal: () => number;
  /** Uniform integer in [0, n). */
  readonly integer: (n: number) => number;
  readonly pick: <T>(items: readonly T[]) => T;
  /** A new, uniformly shuffled array (Fisher–Yates). */
  readonly shuffle: <T>(items: readonly T[]) => T[];
}

export function streamKey(seed: number, name: string, ...indices: readonly number[]): StreamKey {
  return { seed, name, indices };
}

/** A sub-stream: the same key with further indices. */
export function childKey(key: StreamKey, ...indices: readonly number[]): StreamKey {
  return { ...key, indices: [...key.indices, ...indices] };
}

export function openStream(key: StreamKey): RandomStream {
  const text = JSON.stringify([key.seed, key.name, ...key.indices]);
  const generator = xoroshiro128plus(hash32(text, 0x811c9dc5));
  // The generator takes 32 bits of seed; mix in 64 more so that keys do not collide at the birthday bound of 2^16.
  const state = [...generator.getState()];
  state[0] = (state[0] ?? 0) ^ hash32(text, 0x9e3779b9);
  state[1] = (state[1] ?? 0) ^ hash32(text, 0x85ebca6b);
  return streamOver(xoroshiro128plusFromState(state));
}

/** Standard normal numbers by Box–Muller, two per pair of draws: for arrays. */
export function standardNormals(stream: RandomStream, length: number): Float32Array<ArrayBuffer> {
  const numbers = new Float32Array(length);
  for (let i = 0; i < length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - stream.uniform()));
    const angle = 2 * Math.PI * stream.uniform();
    numbers[i] = radius * Math.cos(angle);
    if (i + 1 < length) numbers[i + 1] = radius * Math.sin(angle);
  }
  return numbers;
}

function streamOver(generator: JumpableRandomGenerator): RandomStream {
  const uint32 = (): number => generator.next() >>> 0;
  const uniform = (): number => ((uint32() >>> 5) * 67108864 + (uint32() >>> 6)) / 9007199254740992;
  const integer = (n: number): number => {
    invariant(Number.isInteger(n) && n > 0, 'integer(n) needs a positive integer');
    return Math.floor(uniform() * n);
  };
  return {
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    integer,
    pick: (items) => {
      const item = items[integer(items.length)];
      invariant(item !== undefined, 'pick needs a non-empty array');
      return item;
    },
    shuffle: (items) => {
      const out = [...items];
      for (let i = out.length - 1; i > 0; i--) {
        const j = integer(i + 1);
        [out[i], out[j]] = [out[j] as (typeof out)[number], out[i] as (typeof out)[number]];
      }
      return out;
    },
  };
}

/** FNV-1a over UTF-16 code units, then the finaliser of MurmurHash3. */
function hash32(text: string, basis: number): number {
  let h = basis;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
