/** A causal language model: an architecture, its weights on a device, its tokenizer. Owns opening, creating, copying, saving and
 *  the one program that generates and scores.
 *
 *  A frozen model compiles its weights into that program (prepacked, fastest). A trainable one feeds them at every run, so what a
 *  trainer writes to `weights` is seen by the next generation without a copy. In int8 both generate with a rounded copy of the weights,
 *  made anew when they have changed. */
import { basename } from 'node:path';
import type { Device, Program } from '../runtime/device.js';
import type { TensorStore } from '../runtime/tensorStore.js';
import { parseChatTemplate, type ChatTemplate } from '../text/chatTemplate.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { architectureOf, classNameOf } from './all.js';
import type { Checkpoint } from './checkpoints/checkpoint.js';
import type { RawConfig } from './configReader.js';
import type { Architecture } from './family.js';
import { inferenceGraph } from './inferenceGraph.js';
import { languageModelParameters } from './parameters.js';
import { specialTexts, storeModel, tokenizerOf, withCheckpoint } from './storedModel.js';
import { initialiseWeights, loadWeights } from './weights.js';

export interface LanguageModel {
  readonly name: string;
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
  /** Every parameter under its checkpoint name. */
  readonly weights: TensorStore;
  readonly trainable: boolean;
  /** The program that generates and scores; compiled when first asked for. */
  readonly inference: (options?: InferenceOptions) => Promise<Program>;
  /** Frees the weights and programs on the device. */
  readonly close: () => Promise<void>;
}

/** What a model generates with: its weights, or most of them rounded to 8 bits (`ParameterSpec.roundable`). */
export type Precision = 'f32' | 'int8';

export interface InferenceOptions {
  /** It also knows the bytes of every token, which stop strings need. Default false. */
  readonly vocabulary?: boolean;
  /** Default 'f32'. int8 is for sampling: faster, and rounded; the device must be the CPU. */
  readonly precision?: Precision;
}

export interface OpenOptions {
  /** Weights stay inputs of every program, so that updates are seen. Default false. */
  readonly trainable?: boolean;
  /** What reports call it; default the last part of the path. */
  readonly name?: string;
}

/** Opens a checkpoint: a directory in Hugging Face layout or a .gguf file.
 *  @throws ConfigError for an architecture that is not known, FormatError when weights and configuration disagree */
export function openLanguageModel(device: Device, source: string | Checkpoint, options: OpenOptions = {}): Promise<LanguageModel> {
  return withCheckpoint(source, async (checkpoint) => {
    const { source: where, config, tensors, chatTemplate } = checkpoint;
    const architecture = architectureOf(config, 'language', where);
    const tokenizer = tokenizerOf(checkpoint);
    const weights = await loadWeights(device, languageModelParameters(architecture), tensors, {
      prefix: architecture.prefix, where, redundant: architecture.config.tiedHead ? ['lm_head.weight'] : [],
    });
    const { name = basename(where), trainable = false } = options;
    return assemble(device, weights, { name, architecture, tokenizer, chatTemplateSource: chatTemplate, trainable });
  });
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
  return assemble(device, weights, { name, architecture, tokenizer, chatTemplateSource, trainable: true });
}

/** The same weights again, in a store of their own. */
export async function copyLanguageModel(model: LanguageModel, options: OpenOptions = {}): Promise<LanguageModel> {
  const { device, architecture, tokenizer, chatTemplateSource } = model;
  const weights = await device.createStore(languageModelParameters(architecture));
  await device.copy(model.weights, weights);
  return assemble(device, weights, {
    architecture, tokenizer, chatTemplateSource, name: options.name ?? model.name, trainable: options.trainable ?? false,
  });
}

/** Writes the model in Hugging Face layout, float32; transformers loads it. */
export async function saveLanguageModel({ architecture, device, weights, tokenizer, chatTemplateSource }: LanguageModel, dir: string): Promise<void> {
  await storeModel(dir, {
    raw: architecture.config.raw,
    className: classNameOf(architecture, 'language'),
    specs: languageModelParameters(architecture),
    chatTemplate: chatTemplateSource,
    device, weights, tokenizer,
  });
}

type Parts = Pick<LanguageModel, 'name' | 'architecture' | 'tokenizer' | 'chatTemplateSource' | 'trainable'>;

function assemble(device: Device, weights: TensorStore, parts: Parts): LanguageModel {
  const { architecture, tokenizer, chatTemplateSource, trainable } = parts;
  const { contextLength, vocabularySize } = architecture.config;
  const roundable = new Set(languageModelParameters(architecture).flatMap((spec) => (spec.roundable === true ? [spec.name] : [])));
  const programs = new Map<Precision, CompiledInference>();
  const compile = (precision: Precision): CompiledInference => ({
    program: device.compile(inferenceGraph(architecture), {
      store: weights,
      ...(precision === 'int8' ? { frozen: true, int8: roundable } : { frozen: !trainable }),
    }),
    version: device.version(weights),
    vocabulary: null,
  });
  /** Live weights need no new program when they change; a rounded copy does. */
  const upToDate = async (precision: Precision): Promise<CompiledInference> => {
    const known = programs.get(precision);
    if (known !== undefined && (precision === 'f32' || known.version === device.version(weights))) return known;
    const fresh = compile(precision);
    programs.set(precision, fresh);
    if (known !== undefined) await device.release(await known.program);
    return fresh;
  };
  const register = async (compiled: Program): Promise<void> => {
    await device.registerVocabulary(compiled, Array.from({ length: vocabularySize }, (_, id) => tokenizer.tokenBytes(id)));
  };
  return {
    ...parts,
    chatTemplate: chatTemplateSource === null ? null : parseChatTemplate(chatTemplateSource, specialTexts(tokenizer)),
    contextLength, vocabularySize, device, weights,
    inference: async ({ vocabulary = false, precision = 'f32' } = {}) => {
      const compiled = await upToDate(precision);
      const program = await compiled.program;
      if (vocabulary) await (compiled.vocabulary ??= register(program));
      return program;
    },
    close: async () => {
      for (const { program } of programs.values()) await device.release(await program);
      programs.clear();
      await device.release(weights);
    },
  };
}

interface CompiledInference {
  readonly program: Promise<Program>;
  /** Of the weights that it was compiled from. */
  readonly version: number;
  vocabulary: Promise<void> | null;
}
