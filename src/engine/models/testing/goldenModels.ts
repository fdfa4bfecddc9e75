/** For tests: the small models of tests/golden/models.py, their weights from the same formula, and what transformers computed. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { present } from '../../../base/invariant.js';
import { loadTokenizer, type Tokenizer } from '../../text/tokenizer.js';
import type { Checkpoint, CheckpointTensor } from '../checkpoints/checkpoint.js';

export const goldenFolder = resolve(import.meta.dirname, '../../../../tests/golden/models');

/** Variants of causal language models, by listing the folder. */
export const languageVariants = readdirSync(goldenFolder)
  .filter((name) => name.endsWith('.json') && !['llama-classifier.json', 'rope.json'].includes(name))
  .map((name) => name.slice(0, -'.json'.length));

export interface Golden {
  readonly config: Readonly<Record<string, unknown>>;
  readonly sequences: readonly (readonly number[])[];
  /** By sequence, position, vocabulary; a classifier's: by sequence, label. */
  readonly logits: readonly (readonly (readonly number[])[])[];
  /** Of tokens 1 … of each sequence. */
  readonly logProbs: readonly (readonly number[])[];
  /** Sixteen greedy tokens after each sequence. */
  readonly greedy: readonly (readonly number[])[];
  /** Σ (1 + t/10) log p(token t + 1), over all sequences. */
  readonly weightedSum: number;
  readonly parameters: Readonly<Record<string, readonly number[]>>;
}

export function readGolden<T = Golden>(variant: string): T {
  return JSON.parse(readFileSync(join(goldenFolder, `${variant}.json`), 'utf8')) as T;
}

/** Gradients of the weighted sum by parameter (float32 safetensors: an 8-byte header length, a JSON header, the data). */
export function readGoldenGradients(variant: string): ReadonlyMap<string, Float32Array> {
  const file = readFileSync(join(goldenFolder, `${variant}.gradients.safetensors`));
  const headerLength = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, 8 + headerLength)) as Record<string, { readonly data_offsets?: readonly [number, number] }>;
  const start = 8 + headerLength;
  return new Map(
    Object.entries(header).flatMap(([name, { data_offsets: offsets }]) =>
      offsets === undefined ? [] : [[name, new Float32Array(new Uint8Array(file.subarray(start + offsets[0], start + offsets[1])).buffer)] as const],
    ),
  );
}

/** The checkpoint of a variant, its weights computed. */
export function goldenCheckpoint(variant: string): Checkpoint {
  const { config, parameters } = readGolden(variant);
  return memoryCheckpoint(config, Object.entries(parameters).map(([name, shape]) => formulaTensor(name, shape)));
}

export function memoryCheckpoint(config: Checkpoint['config'], tensors: readonly CheckpointTensor[]): Checkpoint {
  return {
    source: 'golden', config, chatTemplate: null,
    tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])),
    tokenizerFiles: { tokenizerJson: tokenizerJson(Number(config['vocab_size'])), tokenizerConfig: {} },
    close: () => Promise.resolve(),
  };
}

export function formulaTensor(name: string, shape: readonly number[]): CheckpointTensor {
  const gain = shape.length === 1 && name.endsWith('weight') ? 1 : 0;
  const length = shape.reduce((product, size) => product * size, 1);
  return { name, shape, dtype: 'F32', read: () => Promise.resolve(uniform(name, length).map((value) => value + gain)) };
}

/** The formula of tests/golden/models.py. */
function uniform(name: string, length: number): Float32Array {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return Float32Array.from({ length }, (_, i) => {
    let x = (hash + Math.imul(i, 0x9e3779b9)) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    x ^= x >>> 16;
    return ((x >>> 16) - 32768) / 131072;
  });
}

/** A tokenizer of `size` one-character tokens ('!' is 0); no token is special. */
export function characterTokenizer(size: number): Tokenizer {
  return loadTokenizer({ tokenizerJson: tokenizerJson(size), tokenizerConfig: {} });
}

function tokenizerJson(size: number): unknown {
  const vocab = Object.fromEntries(Array.from({ length: size }, (_, id) => [String.fromCharCode(33 + id), id]));
  return {
    version: '1.0', added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null, decoder: { type: 'Fuse' },
    model: { type: 'BPE', vocab, merges: [], unk_token: null, dropout: null, fuse_unk: false, byte_fallback: false },
  };
}

/** Largest difference over the largest expected magnitude. */
export function relativeDifference(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  const scale = Math.max(1e-6, ...Array.from(expected, Math.abs));
  const differences = Array.from(expected, (value, i) => Math.abs(present(got[i], 'as many values as expected') - value));
  return got.length === expected.length ? Math.max(...differences) / scale : Number.POSITIVE_INFINITY;
}
