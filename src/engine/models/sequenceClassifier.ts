/** A sequence classifier: a body that reads whole texts, decoder or encoder, and its family's head on the pooled state.
 *  Layout of transformers' …ForSequenceClassification.
 *
 *  A decoder's pooled token is the last of the sequence as given. transformers looks for the last one that is not the
 *  pad id, which is the same unless a text ends with a real token of that id (pad = EOS), where it would pool too
 *  early. */
import { basename } from 'node:path';
import { ConfigError } from '../../base/errors.js';
import { invariant, present } from '../../base/invariant.js';
import type { Device, Program } from '../runtime/device.js';
import type { TensorStore } from '../runtime/tensorStore.js';
import { finishGraph } from '../tensor/graph.js';
import { reduceMean, reshape, slice } from '../tensor/ops/all.js';
import { createTrace } from '../tensor/trace.js';
import type { Trace, Value } from '../tensor/value.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { Adapter } from './adapters/adapter.js';
import type { ResolveBase } from './adapters/adapterCheckpoint.js';
import { adapted, type LoraConfig, planAdapter } from './adapters/lora.js';
import type { Checkpoint } from './checkpoints/checkpoint.js';
import { readConfig, type RawConfig } from './configReader.js';
import type { ForwardInputs, ParameterSpec } from './family.js';
import { parameterReader } from './parameters.js';
import { contextError, requireContext } from './requireContext.js';
import { storeModel, tokenizerOf, withCheckpoint } from './storedModel.js';
import { packTexts, traceTexts } from './textBatch.js';
import type { TextBody } from './textBody.js';
import { textBodyOf } from './textBodyOf.js';
import { tokenBatches } from './tokenBatches.js';
import { initialiseWeights, loadBody, loadWeights } from './weights.js';

export interface ClassifierArchitecture {
  readonly base: TextBody;
  /** Names of the classes, by index. */
  readonly labels: readonly string[];
  /** Any number of classes may hold of a text, each with a probability of its own; else exactly one holds. */
  readonly isMultiLabel: boolean;
  readonly head: readonly ParameterSpec[];
}

export interface SequenceClassifier {
  readonly name: string;
  readonly architecture: ClassifierArchitecture;
  readonly labels: readonly string[];
  readonly tokenizer: Tokenizer;
  readonly contextLength: number;
  readonly vocabularySize: number;
  readonly device: Device;
  /** With an adapter, the base's own. */
  readonly weights: TensorStore;
  /** Adapter of the body; the head is trained as it is and lies beside it, as PEFT's `modules_to_save`. */
  readonly adapter: Adapter | null;
  readonly trainable: boolean;
  /** The inputs of a text batch (textBatch.ts) → logits f32 [B, labels]; compiled when first asked for. */
  readonly inference: () => Promise<Program>;
  readonly close: () => Promise<void>;
}

/** @throws ConfigError for a configuration that is not a classifier's */
export function classifierArchitecture(raw: RawConfig, where: string): ClassifierArchitecture {
  return withLabels(textBodyOf(raw, 'classes', where), readLabels(raw, where));
}

function withLabels(base: TextBody, labels: readonly string[]): ClassifierArchitecture {
  const isMultiLabel = base.config.raw['problem_type'] === 'multi_label_classification';
  return { base, labels, isMultiLabel, head: base.classifier.parameters(labels.length) };
}

export function classifierParameters({ base, head }: ClassifierArchitecture): readonly ParameterSpec[] {
  return [...base.body, ...head];
}

/** Class logits of each text of a batch; declares the batch's inputs, and the weights become parameters of the trace.
 *  @returns f32 [B, labels]; gradients reach every parameter */
export function traceClassLogits({ base, head }: ClassifierArchitecture, trace: Trace): Value {
  const { pooled_BC, inputs } = traceTexts(trace, base, { pooling: base.classifier.pooling });
  return base.classifier.logits(pooled_BC, parameterReader(inputs, head));
}

/** Class logits of texts that the same trace computes, of soft tokens say; every text fills its row.
 *  @param inputs numbers of rows and tokens are known
 *  @returns f32 [B, labels]; gradients reach every parameter and the soft tokens */
export function traceRowLogits({ base, head }: ClassifierArchitecture, inputs: ForwardInputs): Value {
  const [rows, tokens] = inputs.ids_BT.shape.map(Number);
  invariant(rows !== undefined && tokens !== undefined, 'ids have two axes');
  const { width } = base.config;
  const states_BTC = reshape(base.forward(inputs).hidden_NC, [rows, tokens, width]);
  const { pooling } = base.classifier;
  const at = pooling === 'last' ? tokens - 1 : 0;
  const pooled_BC =
    pooling === 'mean' ? reduceMean(states_BTC, [1]) : reshape(slice(states_BTC, 1, at, at + 1), [rows, width]);
  return base.classifier.logits(pooled_BC, parameterReader(inputs, head));
}

/** How logits become the probability of some labels together: probabilities of one kind add up, of independent labels the
 *  highest counts. */
export interface LabelReading {
  readonly kind: 'softmax' | 'sigmoid';
  /** Indices, at least one. */
  readonly labels: readonly number[];
  /** The probability of everything but the labels is wanted. */
  readonly inverted: boolean;
}

interface OpenOptions {
  readonly trainable?: boolean;
  readonly name?: string;
  /** Finds the base of an adapter folder; default: as the environment says. */
  readonly resolveBase?: ResolveBase;
}

export function openSequenceClassifier(
  device: Device,
  source: string | Checkpoint,
  options: OpenOptions = {},
): Promise<SequenceClassifier> {
  const read = async (checkpoint: Checkpoint): Promise<SequenceClassifier> => {
    const { source: where, config, tensors } = checkpoint;
    const architecture = classifierArchitecture(config, where);
    const tokenizer = tokenizerOf(checkpoint);
    const weights = await loadWeights(device, classifierParameters(architecture), tensors, {
      prefix: architecture.base.prefix,
      where,
    });
    const { name = basename(where), trainable = false } = options;
    return assemble(device, weights, { name, architecture, tokenizer, trainable });
  };
  return withCheckpoint(source, read, options.resolveBase);
}

export interface NewHeadOptions {
  /** Names of the classes, two or more, or one that holds or not. */
  readonly labels: readonly string[];
  /** See `ClassifierArchitecture.isMultiLabel`; default false, but true for a single label. */
  readonly isMultiLabel?: boolean;
  readonly seed: number;
  readonly name?: string;
}

/** A trainable classifier on the body of any checkpoint of a known family (a language model, an encoder, another
 *  classifier): the head is new and random, the same for the same seed, whatever head the checkpoint has.
 *  @throws ConfigError without labels or with one named twice; FormatError when the weights are not the configuration's
 */
export async function headSequenceClassifier(
  device: Device,
  source: string | Checkpoint,
  options: NewHeadOptions,
): Promise<SequenceClassifier> {
  const { labels, isMultiLabel = labels.length === 1, seed } = options;
  if (labels.length === 0 || new Set(labels).size < labels.length || (labels.length === 1 && !isMultiLabel)) {
    throw new ConfigError('Not the labels of a classifier', {
      expected: 'two or more different names, or one that holds or not',
      got: labels.join(', ') || 'none',
    });
  }
  return withCheckpoint(source, async (checkpoint) => {
    const { source: where, tensors } = checkpoint;
    const problem = isMultiLabel ? 'multi_label_classification' : 'single_label_classification';
    const architecture = withLabels(textBodyOf({ ...checkpoint.config, problem_type: problem }, 'body', where), labels);
    const { base, head } = architecture;
    const weights = await loadBody(device, { body: base.body, head }, tensors, { prefix: base.prefix, where, seed });
    return assemble(device, weights, {
      name: options.name ?? basename(where),
      architecture,
      tokenizer: tokenizerOf(checkpoint),
      trainable: true,
    });
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

/** A trainable classifier on the weights of `base`, which stay as they are: an adapter on its body and a head of its
 *  own are trained. It starts as what `base` is. Close it before the base.
 *  @throws ConfigError for target modules that the body does not have */
export async function adaptSequenceClassifier(
  base: SequenceClassifier,
  lora: LoraConfig,
  { seed }: { readonly seed: number },
): Promise<SequenceClassifier> {
  const { device, weights, name, tokenizer, architecture } = base;
  invariant(base.adapter === null, 'an adapter goes on a model without one');
  const plan = planAdapter(architecture.base, lora, 'targetModules');
  const parameters = [...plan.parameters, ...architecture.head];
  const adapter: Adapter = {
    ...plan,
    parameters,
    base: name,
    weights: await initialiseWeights(device, parameters, seed),
  };
  for (const head of architecture.head)
    await device.write(adapter.weights, head.name, await device.read(weights, head.name), { transfer: true });
  return assemble(device, weights, {
    name,
    tokenizer,
    trainable: true,
    adapter,
    architecture: { ...architecture, base: adapted(architecture.base, plan) },
  });
}

/** Writes the classifier in Hugging Face layout, float32, with its adapter merged into the weights; transformers loads
 *  it. */
export async function saveSequenceClassifier(
  { architecture, device, weights, adapter, tokenizer }: SequenceClassifier,
  dir: string,
): Promise<void> {
  const { base, labels } = architecture;
  const raw = {
    ...base.config.raw,
    id2label: Object.fromEntries(labels.entries()),
    label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
    // transformers finds the token that a decoder is pooled at by the pad id.
    ...(base.reads === 'leftToRight' ? { pad_token_id: tokenizer.padId } : {}),
  };
  await storeModel(dir, {
    raw,
    className: base.classifier.className,
    specs: classifierParameters(architecture),
    chatTemplate: null,
    device,
    weights,
    adapter,
    tokenizer,
  });
}

/** Tokens, padding included, that go through the model at once. */
const batchTokens = 4096;

/** Class logits of each sequence, in order; each array has one element a label.
 *  @throws ConfigError for an empty sequence, an id outside the vocabulary, a sequence longer than the context */
export async function classify(
  model: SequenceClassifier,
  sequences: readonly (readonly number[])[],
): Promise<readonly Float32Array[]> {
  sequences.forEach((ids, index) => {
    requireContext(model, ids, `text ${String(index)}`);
    if (ids.length > model.contextLength) throw contextError(model, ids.length, `text ${String(index)}`);
  });
  const { base } = model.architecture;
  const results: Float32Array[] = sequences.map(() => new Float32Array(0));
  for (const batch of tokenBatches(
    sequences.map((ids) => ids.length),
    batchTokens,
  )) {
    const texts = batch.map((index) => present(sequences[index], 'batches hold indices of texts'));
    const outputs = await model.device.run(await model.inference(), packTexts(texts, base, base.classifier.pooling));
    const logits = present(outputs['logits'], 'the program has the output').data as Float32Array;
    const width = model.labels.length;
    batch.forEach((index, n) => (results[index] = logits.slice(n * width, (n + 1) * width)));
  }
  return results;
}

/** Probabilities of the labels: they sum to 1, but of multi-label each stands alone. */
export function classProbabilities(logits: Float32Array, isMultiLabel: boolean): readonly number[] {
  if (isMultiLabel) return [...logits].map((logit) => 1 / (1 + Math.exp(-logit)));
  const most = Math.max(...logits);
  const exponentials = [...logits].map((logit) => Math.exp(logit - most));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
}

type Parts = Pick<SequenceClassifier, 'name' | 'architecture' | 'tokenizer' | 'trainable'> & {
  readonly adapter?: Adapter;
};

function assemble(device: Device, weights: TensorStore, { adapter, ...parts }: Parts): SequenceClassifier {
  const { architecture, trainable } = parts;
  // The head is in both: what is trained comes first.
  const store = adapter === undefined ? weights : [adapter.weights, weights];
  let program: Promise<Program> | null = null;
  return {
    ...parts,
    labels: architecture.labels,
    contextLength: architecture.base.config.contextLength,
    vocabularySize: architecture.base.config.vocabularySize,
    device,
    weights,
    adapter: adapter ?? null,
    inference: () => (program ??= device.compile(inferenceGraph(architecture), { store, frozen: !trainable })),
    close: async () => {
      if (program !== null) await device.release(await program);
      program = null;
      await device.release(adapter?.weights ?? weights);
    },
  };
}

function inferenceGraph(architecture: ClassifierArchitecture): ReturnType<typeof finishGraph> {
  const trace = createTrace();
  return finishGraph(trace, { logits: traceClassLogits(architecture, trace) });
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
    throw new ConfigError('Unreadable model configuration: id2label', {
      where,
      expected: 'a name for each of 0, 1, …',
      got: JSON.stringify(named),
    });
  }
  return ordered;
}
