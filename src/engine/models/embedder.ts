/** Texts as vectors, for clustering and diversity: the state of a decoder's last token, the mean of an encoder's
 *  states, or what the files of a sentence-transformers model ask for; of any layer. Padding never counts. */
import { basename } from 'node:path';
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import type { Device, HostTensor, Program } from '../runtime/device.js';
import type { TensorStore } from '../runtime/tensorStore.js';
import { finishGraph } from '../tensor/graph.js';
import { createTrace } from '../tensor/trace.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { Checkpoint } from './checkpoints/checkpoint.js';
import { readSentenceLayout } from './checkpoints/sentenceLayout.js';
import type { LanguageModel } from './languageModel.js';
import { contextError, countSoftRows, requireContext } from './requireContext.js';
import { tokenizerOf, withCheckpoint } from './storedModel.js';
import { packTexts, traceTexts, type PooledBody, type TextReading } from './textBatch.js';
import { textBodyOf } from './textBodyOf.js';
import { tokenBatches } from './tokenBatches.js';
import { loadBody } from './weights.js';

export interface Embedder {
  readonly name: string;
  /** Channels of an embedding. */
  readonly width: number;
  readonly tokenizer: Tokenizer;
  /** Maximum number of tokens per text. */
  readonly contextLength: number;
  /** Returns one vector per text, in order.
   *  @param options.soft rows of soft tokens, as in `generate`, for a decoder: the id V + i of a text is row i
   *  @throws ConfigError for an empty text, an unknown id, a text longer than the context, soft rows for an encoder */
  readonly embed: (
    texts: readonly (readonly number[])[],
    options?: { readonly soft?: HostTensor | undefined },
  ) => Promise<readonly Float32Array[]>;
  /** Frees the program, and weights that the embedder loaded itself. */
  readonly close: () => Promise<void>;
}

const batchTokens = 4096;

export interface EmbedOptions {
  /** The state of the last token, or the mean of all. */
  readonly pooling?: 'last' | 'mean';
  /** 0 are the embeddings, n what layer n gives, −1 (the default) the states after the final norm, −2 those before the
   *  last layer …: the `hidden_states` of transformers. Layers above it are not computed. */
  readonly layer?: number;
}

/** An embedder over a language model's own weights. Updates of a trainable model are seen.
 *  @param options.pooling default 'last'
 *  @throws ConfigError for a layer that the model does not have */
export function openEmbedder(
  model: LanguageModel,
  { pooling = 'last', layer = -1 }: EmbedOptions = {},
): Promise<Embedder> {
  const { name, architecture, tokenizer, weights, device } = model;
  const body: PooledBody = { ...architecture, reads: 'leftToRight' };
  return createEmbedder(device, { name, body, tokenizer, weights, reading: { pooling, layer } });
}

/** An embedder with weights of its own, from a checkpoint of any known family; a head that it has is left out. Without
 *  options it pools as its own files ask for, else a decoder at its last token and an encoder by the mean.
 *  @throws ConfigError for an unknown family, pooling or layer, FormatError when the weights are not the configuration's */
export function loadEmbedder(
  device: Device,
  source: string | Checkpoint,
  { pooling, layer = -1 }: EmbedOptions = {},
): Promise<Embedder> {
  return withCheckpoint(source, async (checkpoint) => {
    const { source: where, config, tensors } = checkpoint;
    const body = textBodyOf(config, 'body', where);
    const layout = await readSentenceLayout(where);
    const tokenizer = tokenizerOf(checkpoint);
    const weights = await loadBody(device, { body: body.body, head: [] }, tensors, {
      prefix: body.prefix,
      where,
      seed: 0,
    });
    const embedder = await createEmbedder(device, {
      name: basename(where),
      body,
      tokenizer,
      weights,
      frozen: true,
      reading: { pooling: pooling ?? layout?.pooling ?? (body.reads === 'bothWays' ? 'mean' : 'last'), layer },
      isNormalised: layout?.isNormalised ?? false,
      maxTokens: layout?.maxTokens ?? null,
    }).catch(async (error: unknown) => {
      await device.release(weights);
      throw error;
    });
    const close = async (): Promise<void> => {
      await embedder.close();
      await device.release(weights);
    };
    return { ...embedder, close };
  });
}

interface EmbedderParts {
  readonly name: string;
  readonly body: PooledBody;
  readonly tokenizer: Tokenizer;
  readonly weights: TensorStore;
  readonly reading: TextReading;
  readonly isNormalised?: boolean;
  readonly maxTokens?: number | null;
  /** The weights never change: they become part of the program. */
  readonly frozen?: boolean;
}

async function createEmbedder(device: Device, parts: EmbedderParts): Promise<Embedder> {
  const { name, body, tokenizer, weights, reading, isNormalised = false, maxTokens = null, frozen = false } = parts;
  const compile = async (soft: boolean): Promise<{ readonly program: Program; readonly width: number }> => {
    const trace = createTrace();
    const { pooled_BC } = traceTexts(trace, body, { ...reading, soft });
    const graph = finishGraph(trace, { vectors: pooled_BC });
    return { program: await device.compile(graph, { store: weights, frozen }), width: Number(pooled_BC.shape[1]) };
  };
  const { program: plain, width } = await compile(false);
  let withSoft: Promise<Program> | null = null;
  const { vocabularySize, contextLength: positions } = body.config;
  const contextLength = Math.min(positions, maxTokens ?? positions);
  const limits = { name, vocabularySize, contextLength };
  return {
    name,
    width,
    tokenizer,
    contextLength,
    embed: async (texts, { soft } = {}) => {
      const softRows = countSoftRows(body.config, soft);
      if (softRows > 0) requireDecoder(body, name);
      const program = softRows === 0 ? plain : await (withSoft ??= compile(true).then((compiled) => compiled.program));
      texts.forEach((ids, index) => {
        requireContext(limits, ids, `text ${String(index)}`, softRows);
        if (ids.length > contextLength) throw contextError(limits, ids.length, `text ${String(index)}`);
      });
      const results: Float32Array[] = texts.map(() => new Float32Array(0));
      for (const batch of tokenBatches(
        texts.map((ids) => ids.length),
        batchTokens,
      )) {
        const members = batch.map((index) => present(texts[index], 'batches hold indices of texts'));
        const outputs = await device.run(program, {
          ...packTexts(members, body, reading.pooling),
          ...(soft === undefined ? {} : { soft }),
        });
        const vectors = present(outputs['vectors'], 'the program has the output').data as Float32Array;
        batch.forEach((index, n) => (results[index] = vectors.slice(n * width, (n + 1) * width)));
      }
      return isNormalised ? results.map(unit) : results;
    },
    close: async () => {
      await device.release(plain);
      if (withSoft !== null) await device.release(await withSoft);
    },
  };
}

function requireDecoder({ reads }: PooledBody, name: string): void {
  if (reads === 'leftToRight') return;
  throw new ConfigError('an encoder reads no soft tokens', { where: name, expected: 'a decoder' });
}

/** The vector scaled to length 1; one of zeros stays. */
function unit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return length === 0 ? vector : vector.map((value) => value / length);
}
