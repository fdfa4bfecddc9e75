/** A sequence classifier: the body of a language model and a linear layer on the state of the last token.
 *  Layout of transformers' …ForSequenceClassification: `score.weight` [labels, C], no bias.
 *
 *  The pooled token is the last of the sequence as given. transformers looks for the last one that is not the pad id, which is the
 *  same unless a text ends with a real token of that id (pad = EOS), where it would pool too early. */
import { basename } from 'node:path';
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import type { AttentionPattern } from '../nn/attention.js';
import { normal } from '../nn/init.js';
import type { Device, Program } from '../runtime/device.js';
import type { TensorStore } from '../runtime/tensorStore.js';
import { finishGraph } from '../tensor/graph.js';
import { matmul, takeRows } from '../tensor/ops/all.js';
import { createTrace } from '../tensor/trace.js';
import type { Value } from '../tensor/value.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { architectureOf, classNameOf } from './all.js';
import type { Checkpoint } from './checkpoints/checkpoint.js';
import { readConfig, type RawConfig } from './configReader.js';
import type { Architecture, ParameterSpec } from './family.js';
import { packLastTokens } from './packLastTokens.js';
import { contextError, requireContext } from './requireContext.js';
import { storeModel, tokenizerOf, withCheckpoint } from './storedModel.js';
import { tokenBatches } from './tokenBatches.js';
import { initialiseWeights, loadWeights } from './weights.js';

export interface ClassifierArchitecture {
  readonly base: Architecture;
  /** Names of the classes, by index. */
  readonly labels: readonly string[];
  /** score.weight [labels, C] */
  readonly score: ParameterSpec;
}

export interface SequenceClassifier {
  readonly name: string;
  readonly architecture: ClassifierArchitecture;
  readonly labels: readonly string[];
  readonly tokenizer: Tokenizer;
  readonly contextLength: number;
  readonly vocabularySize: number;
  readonly device: Device;
  readonly weights: TensorStore;
  readonly trainable: boolean;
  /** ids i64 [B, T] · positions i64 [B, T] · rows i64 [N] (last tokens, flat) → logits f32 [N, labels]; compiled when first asked for. */
  readonly inference: () => Promise<Program>;
  readonly close: () => Promise<void>;
}

/** @throws ConfigError for a configuration that is not a classifier's */
export function classifierArchitecture(raw: RawConfig, where: string): ClassifierArchitecture {
  const base = architectureOf(raw, 'classes', where);
  const labels = readLabels(raw, where);
  const std = readConfig(raw, where).quantity('initializer_range', 0.02);
  return { base, labels, score: { name: 'score.weight', shape: [labels.length, base.config.width], initial: normal(std) } };
}

export function classifierParameters({ base, score }: ClassifierArchitecture): readonly ParameterSpec[] {
  return [...base.body, score];
}

export interface ClassLogitInputs {
  /** i64 [B, T] */
  readonly ids_BT: Value;
  /** i64 [B, T] */
  readonly positions_BT: Value;
  readonly attention: Exclude<AttentionPattern, { kind: 'cached' }>;
  /** i64 [N]: flat index into [B·T] of the last token of each text. */
  readonly rows_N: Value;
}

/** Class logits of each text; the weights become parameters of the inputs' trace.
 *  @returns f32 [N, labels]; gradients reach every parameter */
export function traceClassLogits({ base, score }: ClassifierArchitecture, inputs: ClassLogitInputs): Value {
  const { hidden_NC } = base.forward(inputs);
  const score_LC = inputs.ids_BT.trace.parameter(score.name, score.shape);
  return matmul(takeRows(hidden_NC, inputs.rows_N), score_LC, { transposeB: true });
}

export function openSequenceClassifier(
  device: Device,
  source: string | Checkpoint,
  options: { readonly trainable?: boolean; readonly name?: string } = {},
): Promise<SequenceClassifier> {
  return withCheckpoint(source, async (checkpoint) => {
    const { source: where, config, tensors } = checkpoint;
    const architecture = classifierArchitecture(config, where);
    const tokenizer = tokenizerOf(checkpoint);
    const weights = await loadWeights(device, classifierParameters(architecture), tensors, { prefix: architecture.base.prefix, where, redundant: [] });
    const { name = basename(where), trainable = false } = options;
    return assemble(device, weights, { name, architecture, tokenizer, trainable });
  });
}

/** A trainable classifier with random weights, the same for the same seed. */
export async function createSequenceClassifier(
  device: Device,
  config: RawConfig,
  tokenizer: Tokenizer,
  seed: number,
  { name = 'random' }: { readonly name?: string } = {},
): Promise<SequenceClassifier> {
  const architecture = classifierArchitecture(config, name);
  const weights = await initialiseWeights(device, classifierParameters(architecture), seed);
  return assemble(device, weights, { name, architecture, tokenizer, trainable: true });
}

/** Writes the classifier in Hugging Face layout, float32; transformers loads it. */
export async function saveSequenceClassifier({ architecture, device, weights, tokenizer }: SequenceClassifier, dir: string): Promise<void> {
  const { base, labels } = architecture;
  const raw = {
    ...base.config.raw,
    id2label: Object.fromEntries(labels.entries()),
    label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
    // transformers finds the token to pool by the pad id.
    pad_token_id: tokenizer.padId,
  };
  await storeModel(dir, {
    raw, className: classNameOf(base, 'classes'), specs: classifierParameters(architecture), chatTemplate: null, device, weights, tokenizer,
  });
}

/** Tokens, padding included, that go through the model at once. */
const batchTokens = 4096;

/** Class logits of each sequence, in order; each array has one element a label.
 *  @throws ConfigError for an empty sequence, an id outside the vocabulary, a sequence longer than the context */
export async function classify(model: SequenceClassifier, sequences: readonly (readonly number[])[]): Promise<readonly Float32Array[]> {
  sequences.forEach((ids, index) => {
    requireContext(model, ids, `text ${String(index)}`);
    if (ids.length > model.contextLength) throw contextError(model, ids.length, `text ${String(index)}`);
  });
  const results: Float32Array[] = sequences.map(() => new Float32Array(0));
  for (const batch of tokenBatches(sequences.map((ids) => ids.length), batchTokens)) {
    const { ids_BT, positions_BT, rows_N } = packLastTokens(batch.map((index) => present(sequences[index], 'batches hold indices of texts')));
    const outputs = await model.device.run(await model.inference(), { ids: ids_BT, positions: positions_BT, rows: rows_N });
    const logits = present(outputs['logits'], 'the program has the output').data as Float32Array;
    const width = model.labels.length;
    batch.forEach((index, n) => (results[index] = logits.slice(n * width, (n + 1) * width)));
  }
  return results;
}

type Parts = Pick<SequenceClassifier, 'name' | 'architecture' | 'tokenizer' | 'trainable'>;

function assemble(device: Device, weights: TensorStore, parts: Parts): SequenceClassifier {
  const { architecture, trainable } = parts;
  let program: Promise<Program> | null = null;
  return {
    ...parts,
    labels: architecture.labels,
    contextLength: architecture.base.config.contextLength,
    vocabularySize: architecture.base.config.vocabularySize,
    device, weights,
    inference: () => (program ??= device.compile(inferenceGraph(architecture), { store: weights, frozen: !trainable })),
    close: async () => {
      if (program !== null) await device.release(await program);
      program = null;
      await device.release(weights);
    },
  };
}

function inferenceGraph(architecture: ClassifierArchitecture): ReturnType<typeof finishGraph> {
  const trace = createTrace();
  return finishGraph(trace, {
    logits: traceClassLogits(architecture, {
      ids_BT: trace.input('ids', 'i64', ['B', 'T']),
      positions_BT: trace.input('positions', 'i64', ['B', 'T']),
      rows_N: trace.input('rows', 'i64', ['N']),
      attention: { kind: 'causal' },
    }),
  });
}

/** Labels of `id2label`, or LABEL_0 … of `num_labels`; two when neither is there, as in transformers. */
function readLabels(raw: RawConfig, where: string): readonly string[] {
  const named = raw['id2label'];
  if (named === undefined || named === null) {
    return Array.from({ length: readConfig(raw, where).size('num_labels', 2) }, (_, i) => `LABEL_${String(i)}`);
  }
  const labels = typeof named === 'object' ? Object.entries(named) : [];
  const ordered = labels.map((_, i): unknown => labels.find(([key]) => key === String(i))?.[1]);
  if (labels.length === 0 || !ordered.every((label) => typeof label === 'string')) {
    throw new ConfigError('Unreadable model configuration: id2label', { where, expected: 'a name for each of 0, 1, …', got: JSON.stringify(named) });
  }
  return ordered;
}
