/** A causal language model: an architecture, its weights on a device, its tokenizer. Owns opening, creating, copying,
 *  saving and the one program that generates and scores.
 *
 *  A frozen model compiles its weights into that program (prepacked, fastest). A trainable one feeds them at every run,
 *  so what a trainer writes to `weights` is seen by the next generation without a copy. In int8 both generate with a
 *  rounded copy of the weights, made anew when they have changed. A model with an adapter shares the weights of its
 *  base, which stay as they are, and is fed the adapter. */
import { basename } from 'node:path';
import { invariant } from '../../base/invariant.js';
import type { Device, Program } from '../runtime/device.js';
import type { TensorStore } from '../runtime/tensorStore.js';
import { parseChatTemplate, type ChatTemplate } from '../text/chatTemplate.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { type Adapter, createAdapter } from './adapters/adapter.js';
import type { ResolveBase } from './adapters/adapterCheckpoint.js';
import { adapted, type LoraConfig } from './adapters/lora.js';
import { architectureOf, classNameOf } from './all.js';
import type { Checkpoint } from './checkpoints/checkpoint.js';
import type { RawConfig } from './configReader.js';
import type { Architecture, ParameterSpec } from './family.js';
import { readLanguageModelFile } from './heldHead.js';
import { inferenceGraph } from './inferenceGraph.js';
import { languageModelParameters } from './parameters.js';
import { specialTexts, storeModel, tokenizerOf, withCheckpoint } from './storedModel.js';
import { type ValueHead, type ValueHeadKind, valueHeadOf } from './valueHead.js';
import { createWithFresh, initialiseWeights, loadWeights, type NewParameters } from './weights.js';

export interface LanguageModel {
  readonly name: string;
  /** With the adapter, where there is one. */
  readonly architecture: Architecture;
  readonly tokenizer: Tokenizer;
  readonly chatTemplate: ChatTemplate | null;
  /** Jinja, for saving. */
  readonly chatTemplateSource: string | null;
  /** Most tokens a sequence may have. */
  readonly contextLength: number;
  /** Rows of the embedding: every token id is below it. */
  readonly vocabularySize: number;
  readonly device: Device;
  /** Every parameter under its checkpoint name; with an adapter, the base's own. */
  readonly weights: TensorStore;
  readonly adapter: Adapter | null;
  /** A head that PPO trains beside the model, in the store that is trained; saved models leave it out. */
  readonly valueHead: ValueHead | null;
  /** The model without the adapter, on the same weights; null for a model that has none. */
  readonly base: LanguageModel | null;
  /** Its weights change; with an adapter, those of the adapter alone. */
  readonly trainable: boolean;
  /** The program that generates and scores; compiled when first asked for. */
  readonly inference: (options?: InferenceOptions) => Promise<Program>;
  /** Frees its programs on the device, and the weights that are its own: not those of a base. */
  readonly close: () => Promise<void>;
}

/** A model generates with its weights, or most of them rounded to 8 bits (`ParameterSpec.roundable`). */
export type Precision = 'f32' | 'int8';

export interface InferenceOptions {
  /** It also knows the bytes of every token, which stop strings need. Default false. */
  readonly vocabulary?: boolean;
  /** Default 'f32'. int8 is for sampling: faster, and rounded; the device must be the CPU. */
  readonly precision?: Precision;
  /** It also reads soft tokens, whose rows every call brings. A program of its own: without it nothing changes. A frozen
   *  model holds its weights once per program. Default false. */
  readonly soft?: boolean;
}

export interface OpenOptions {
  /** Weights stay inputs of every program, so that updates are seen. Default false. */
  readonly trainable?: boolean;
  /** The model's name in reports; default the last part of the path. */
  readonly name?: string;
  /** How the base of an adapter folder is found; default: as the environment says. */
  readonly resolveBase?: ResolveBase;
  /** A new value head for training; default none. */
  readonly valueHead?: NewValueHead | null;
}

export interface NewValueHead {
  readonly kind: ValueHeadKind;
  readonly seed: number;
}

/** The head's parameters, to be drawn with the weights that they are trained with. */
function freshHead(
  architecture: Architecture,
  wanted: NewValueHead | null,
): { readonly valueHead: ValueHead | null; readonly fresh: NewParameters | null } {
  if (wanted === null) return { valueHead: null, fresh: null };
  const valueHead = valueHeadOf(architecture, wanted.kind);
  return { valueHead, fresh: { parameters: valueHead.parameters, seed: wanted.seed } };
}

/** Opens a checkpoint: a directory in Hugging Face layout, a PEFT adapter (merged into the base that it names) or a
 *  .gguf file.
 *  @throws ConfigError for an architecture that is not known, FormatError when weights and configuration disagree */
export function openLanguageModel(
  device: Device,
  source: string | Checkpoint,
  options: OpenOptions = {},
): Promise<LanguageModel> {
  return withCheckpoint(
    source,
    async (checkpoint) => {
      const { source: where, chatTemplate } = checkpoint;
      const { architecture, tensors } = await readLanguageModelFile(checkpoint);
      const tokenizer = tokenizerOf(checkpoint);
      const { valueHead, fresh } = freshHead(architecture, options.valueHead ?? null);
      const weights = await loadWeights(device, languageModelParameters(architecture), tensors, {
        prefix: architecture.prefix,
        where,
        fresh,
      });
      const { name = basename(where), trainable = false } = options;
      return assembleLanguageModel(device, weights, {
        name,
        architecture,
        tokenizer,
        chatTemplateSource: chatTemplate,
        trainable,
        valueHead,
      });
    },
    options.resolveBase,
  );
}

export interface CreateOptions {
  readonly name?: string;
  readonly chatTemplateSource?: string | null;
}

/** A trainable model with random weights, the same for the same seed.
 *  @param config in the form of config.json; absent fields have the defaults of transformers */
export async function createLanguageModel(
  device: Device,
  config: RawConfig,
  tokenizer: Tokenizer,
  seed: number,
  { name = 'random', chatTemplateSource = null }: CreateOptions = {},
): Promise<LanguageModel> {
  const architecture = architectureOf(config, 'language', name);
  const weights = await initialiseWeights(device, languageModelParameters(architecture), seed);
  return assembleLanguageModel(device, weights, { name, architecture, tokenizer, chatTemplateSource, trainable: true });
}

/** The same weights again, in a store of their own. @param model without an adapter */
export async function copyLanguageModel(model: LanguageModel, options: OpenOptions = {}): Promise<LanguageModel> {
  const { device, architecture, tokenizer, chatTemplateSource } = model;
  invariant(model.adapter === null, 'a model with an adapter is not copied');
  invariant(model.valueHead === null, 'a model with a value head is not copied');
  const { valueHead, fresh } = freshHead(architecture, options.valueHead ?? null);
  const weights = await createWithFresh(device, languageModelParameters(architecture), fresh);
  await device.copy(model.weights, weights);
  return assembleLanguageModel(device, weights, {
    architecture,
    tokenizer,
    chatTemplateSource,
    valueHead,
    name: options.name ?? model.name,
    trainable: options.trainable ?? false,
  });
}

export interface AdaptOptions {
  /** Seed of the adapter's first values. */
  readonly seed: number;
  readonly name?: string;
  /** The path or id by which a reader of the adapter finds the base; default its name. */
  readonly source?: string;
  /** A new value head, trained with the adapter; default none. */
  readonly valueHead?: ValueHeadKind | null;
}

/** A trainable model on the weights of `base`, which stay as they are: a new adapter alone is trained. It starts as
 *  what `base` is. Close it before the base.
 *  @throws ConfigError for target modules that the model does not have */
export async function adaptLanguageModel(
  base: LanguageModel,
  lora: LoraConfig,
  options: AdaptOptions,
): Promise<LanguageModel> {
  invariant(base.adapter === null, 'an adapter goes on a model without one');
  const { seed, name = base.name, source = base.name, valueHead: kind = null } = options;
  const { valueHead, fresh } = freshHead(base.architecture, kind === null ? null : { kind, seed });
  const adapter = await createAdapter(base.device, base.architecture, lora, { seed, base: source, fresh });
  return assembleWorn(base, adapter, { name, trainable: true, valueHead });
}

/** A model on the weights of `base`, with this adapter, which it then owns. Close it before the base. */
export function wearAdapter(
  base: LanguageModel,
  adapter: Adapter,
  { name = base.name, trainable = false }: Pick<OpenOptions, 'name' | 'trainable'> = {},
): LanguageModel {
  return assembleWorn(base, adapter, { name, trainable, valueHead: null });
}

function assembleWorn(
  base: LanguageModel,
  adapter: Adapter,
  own: Pick<LanguageModel, 'name' | 'trainable' | 'valueHead'>,
): LanguageModel {
  const { device, weights, tokenizer, chatTemplateSource } = base;
  const architecture = adapted(base.architecture, adapter);
  return assembleLanguageModel(device, weights, {
    ...own,
    tokenizer,
    chatTemplateSource,
    architecture,
    worn: { adapter, base },
  });
}

/** Whether what one of them is trained to, the other becomes. */
export function shareWeights(a: LanguageModel, b: LanguageModel): boolean {
  return a.weights.id === b.weights.id && a.adapter?.weights.id === b.adapter?.weights.id;
}

/** SHA-256 of all that makes the model, hexadecimal. */
export async function hashLanguageModel({ device, weights, adapter }: LanguageModel): Promise<string> {
  return adapter === null
    ? device.hash(weights)
    : `${await device.hash(weights)} ${await device.hash(adapter.weights)}`;
}

export interface TrainedPart {
  readonly parameters: readonly ParameterSpec[];
  readonly weights: TensorStore;
}

/** Returns the parameters that a trainer of the model changes, and their store. */
export function trainedPart({ architecture, weights, adapter, valueHead }: LanguageModel): TrainedPart {
  const part = adapter ?? { parameters: languageModelParameters(architecture), weights };
  return { weights: part.weights, parameters: [...part.parameters, ...(valueHead?.parameters ?? [])] };
}

/** Writes the model in Hugging Face layout, float32, with its adapter merged into the weights; transformers loads it.
 */
export async function saveLanguageModel(model: LanguageModel, dir: string): Promise<void> {
  const { architecture, device, weights, adapter, tokenizer, chatTemplateSource } = model;
  await storeModel(dir, {
    raw: architecture.config.raw,
    className: classNameOf(architecture, 'language'),
    specs: languageModelParameters(architecture),
    chatTemplate: chatTemplateSource,
    device,
    weights,
    adapter,
    tokenizer,
  });
}

export interface ModelParts extends Pick<
  LanguageModel,
  'name' | 'architecture' | 'tokenizer' | 'chatTemplateSource' | 'trainable'
> {
  readonly worn?: { readonly adapter: Adapter; readonly base: LanguageModel };
  /** Its parameters lie in the store that is trained. */
  readonly valueHead?: ValueHead | null;
}

/** A model of these parts. @param weights every parameter of the architecture; the model's own from now on, unless it
 *  wears an adapter */
export function assembleLanguageModel(
  device: Device,
  weights: TensorStore,
  { worn, valueHead = null, ...parts }: ModelParts,
): LanguageModel {
  const { architecture, tokenizer, chatTemplateSource, trainable } = parts;
  const { contextLength, vocabularySize } = architecture.config;
  const roundable = new Set(
    languageModelParameters(architecture).flatMap((spec) => (spec.roundable === true ? [spec.name] : [])),
  );
  const programs = new Map<string, CompiledInference>();
  const adapter = worn?.adapter ?? null;
  const stores = adapter === null ? [weights] : [weights, adapter.weights];
  const live = new Set(trainable ? adapter?.weights.entries.keys() : []);
  const compile = (precision: Precision, soft: boolean): CompiledInference => ({
    program: device.compile(inferenceGraph(architecture, { soft }), {
      store: stores,
      ...(precision === 'int8' ? { frozen: true, live, int8: roundable } : { frozen: !trainable }),
    }),
    version: device.version(weights),
    vocabulary: null,
  });
  /** Live weights need no new program when they change; a rounded copy does. */
  const upToDate = async (precision: Precision, soft: boolean): Promise<CompiledInference> => {
    const key = `${precision} ${soft ? 'soft' : 'plain'}`;
    const known = programs.get(key);
    if (known !== undefined && (precision === 'f32' || known.version === device.version(weights))) return known;
    const fresh = compile(precision, soft);
    programs.set(key, fresh);
    if (known !== undefined) await device.release(await known.program);
    return fresh;
  };
  const register = async (compiled: Program): Promise<void> => {
    await device.registerVocabulary(
      compiled,
      Array.from({ length: vocabularySize }, (_, id) => tokenizer.tokenBytes(id)),
    );
  };
  return {
    ...parts,
    chatTemplate: chatTemplateSource === null ? null : parseChatTemplate(chatTemplateSource, specialTexts(tokenizer)),
    contextLength,
    vocabularySize,
    device,
    weights,
    adapter,
    valueHead,
    base: worn?.base ?? null,
    inference: async ({ vocabulary = false, precision = 'f32', soft = false } = {}) => {
      const compiled = await upToDate(precision, soft);
      const program = await compiled.program;
      if (vocabulary) await (compiled.vocabulary ??= register(program));
      return program;
    },
    close: async () => {
      for (const { program } of programs.values()) await device.release(await program);
      programs.clear();
      await device.release(adapter?.weights ?? weights);
    },
  };
}

interface CompiledInference {
  readonly program: Promise<Program>;
  /** Version of the weights that it was compiled from. */
  readonly version: number;
  vocabulary: Promise<void> | null;
}
