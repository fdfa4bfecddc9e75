/** For tests: the small models of tests/golden/models.py and families.py, their weights by the same formula, and the
 *  results of transformers. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { present } from '../../../base/invariant.js';
import { loadTokenizer, type Tokenizer } from '../../text/tokenizer.js';
import type { Checkpoint, CheckpointTensor } from '../checkpoints/checkpoint.js';

export const goldenFolder = resolve(import.meta.dirname, '../../../../tests/golden/models');

const goldensIn = (folder: string): readonly string[] =>
  readdirSync(join(goldenFolder, folder))
    .filter((name) => name.endsWith('.json') && name !== 'rope.json')
    .map((name) => join(folder, name.slice(0, -'.json'.length)));

const variants = [...goldensIn('.'), ...goldensIn('../families')];

/** Variants of causal language models, by listing the folders. */
export const languageVariants = variants.filter((name) => !name.endsWith('-classifier'));

/** Variants of classifiers on top of a language model's body. */
export const classifierVariants = variants.filter((name) => name.endsWith('-classifier'));

export interface Golden {
  readonly config: Readonly<Record<string, unknown>>;
  readonly sequences: readonly (readonly number[])[];
  /** By sequence, position, vocabulary; a classifier's: by sequence, label. */
  readonly logits: readonly (readonly (readonly number[])[])[];
  /** log p of tokens 1, 2, … of each sequence, given those before. */
  readonly logProbs: readonly (readonly number[])[];
  /** Sixteen greedy tokens after each sequence. */
  readonly greedy: readonly (readonly number[])[];
  /** Σ (1 + t/10) log p(token t + 1), over all sequences. */
  readonly weightedSum: number;
  readonly parameters: Readonly<Record<string, readonly number[]>>;
  /** Only goldens of families.py have these: norm and three projections of the gradient of each parameter. */
  readonly gradients?: Readonly<Record<string, readonly [norm: number, ...products: number[]]>>;
}

export function readGolden<T = Golden>(variant: string): T {
  return JSON.parse(readFileSync(join(goldenFolder, `${variant}.json`), 'utf8')) as T;
}

/** Reads the gradients of the weighted sum by parameter (float32 safetensors: an 8-byte header length, a JSON header, the data).
 */
export function readGoldenGradients(variant: string): ReadonlyMap<string, Float32Array> {
  const file = readFileSync(join(goldenFolder, `${variant}.gradients.safetensors`));
  const headerLength = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, 8 + headerLength)) as Record<
    string,
    { readonly data_offsets?: readonly [number, number] }
  >;
  const start = 8 + headerLength;
  return new Map(
    Object.entries(header).flatMap(([name, { data_offsets: offsets }]) =>
      offsets === undefined
        ? []
        : [
            [
              name,
              new Float32Array(new Uint8Array(file.subarray(start + offsets[0], start + offsets[1])).buffer),
            ] as const,
          ],
    ),
  );
}

/** Returns the error of each parameter's gradient against PyTorch's, relative to its size; infinite for one that is
 *  missing or unexpected. */
export function gradientErrors(
  variant: string,
  gradients: ReadonlyMap<string, Float32Array>,
): ReadonlyMap<string, number> {
  const projected = readGolden(variant).gradients;
  const names = new Set([...gradients.keys(), ...Object.keys(readGolden(variant).parameters)]);
  const whole = projected === undefined ? readGoldenGradients(variant) : new Map<string, Float32Array>();
  return new Map(
    [...names].map((name) => {
      const [got, expected] = [gradients.get(name), whole.get(name)];
      if (got !== undefined && expected !== undefined) return [name, relativeDifference(got, expected)] as const;
      return [
        name,
        got === undefined || projected?.[name] === undefined
          ? Number.POSITIVE_INFINITY
          : projectedError(name, got, projected),
      ] as const;
    }),
  );
}

/** Compares norm and projections. The bias of keys moves all scores of a query alike, so that its gradient may be
 *  rounding alone: a bias is compared beside its matrix. */
function projectedError(name: string, got: Float32Array, projected: NonNullable<Golden['gradients']>): number {
  const [norm, ...products] = projected[name] ?? [0];
  const [beside] = projected[name.replace(/bias$/, 'weight')] ?? [0];
  const values = [
    Math.hypot(...got),
    ...products.map((_, k) => {
      const direction = uniform(`projection ${String(k)} of ${name}`, got.length);
      return got.reduce((sum, value, i) => sum + 4 * value * (direction[i] ?? 0), 0);
    }),
  ];
  return (
    Math.max(...[norm, ...products].map((value, i) => Math.abs((values[i] ?? 0) - value))) /
    Math.max(norm, beside, 1e-6)
  );
}

/** Makes the checkpoint of a variant, its weights computed by the formula. */
export function goldenCheckpoint(variant: string): Checkpoint {
  const { config, parameters } = readGolden(variant);
  return memoryCheckpoint(
    config,
    Object.entries(parameters).map(([name, shape]) => formulaTensor(name, shape)),
  );
}

export function memoryCheckpoint(config: Checkpoint['config'], tensors: readonly CheckpointTensor[]): Checkpoint {
  return {
    source: 'golden',
    config,
    chatTemplate: null,
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

/** Returns the weights of a name by the formula of tests/golden/models.py. */
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

/** Makes a tokenizer of `size` one-character tokens ('!' is 0); no token is special. */
export function characterTokenizer(size: number): Tokenizer {
  return loadTokenizer({ tokenizerJson: tokenizerJson(size), tokenizerConfig: {} });
}

function tokenizerJson(size: number): unknown {
  const vocab = Object.fromEntries(Array.from({ length: size }, (_, id) => [String.fromCharCode(33 + id), id]));
  return {
    version: '1.0',
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: { type: 'Fuse' },
    model: { type: 'BPE', vocab, merges: [], unk_token: null, dropout: null, fuse_unk: false, byte_fallback: false },
  };
}

/** Returns the largest difference over the largest expected magnitude; infinite for lists of unequal length. */
export function relativeDifference(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  const scale = Math.max(1e-6, ...Array.from(expected, Math.abs));
  const differences = Array.from(expected, (value, i) =>
    Math.abs(present(got[i], 'as many values as expected') - value),
  );
  return got.length === expected.length && got.length > 0 ? Math.max(...differences) / scale : Number.POSITIVE_INFINITY;
}
