/** Texts as vectors: the state of the last real token after the final norm (never of padding). For clustering and diversity. */
import { present } from '../../base/invariant.js';
import type { Device, Program } from '../runtime/device.js';
import { finishGraph } from '../tensor/graph.js';
import { takeRows } from '../tensor/ops/all.js';
import { createTrace } from '../tensor/trace.js';
import type { Architecture } from './family.js';
import type { LanguageModel } from './languageModel.js';
import { packLastTokens } from './packLastTokens.js';
import { contextError, requireContext } from './requireContext.js';
import { tokenBatches } from './tokenBatches.js';

export interface Embedder {
  /** Channels of an embedding. */
  readonly width: number;
  /** One vector a text, in order. @throws ConfigError for an empty text, an id outside the vocabulary, a text longer than the context */
  readonly embed: (texts: readonly (readonly number[])[]) => Promise<readonly Float32Array[]>;
  /** Frees the program; the model stays. */
  readonly close: () => Promise<void>;
}

const batchTokens = 4096;

/** An embedder over the model's own weights; updates of a trainable model are seen. */
export async function openEmbedder(model: LanguageModel): Promise<Embedder> {
  const { device, architecture, weights } = model;
  const program = await device.compile(embeddingGraph(architecture), { store: weights });
  const { width } = architecture.config;
  return {
    width,
    embed: async (texts) => {
      texts.forEach((ids, index) => {
        requireContext(model, ids, `text ${String(index)}`);
        if (ids.length > model.contextLength) throw contextError(model, ids.length, `text ${String(index)}`);
      });
      const results: Float32Array[] = texts.map(() => new Float32Array(0));
      for (const batch of tokenBatches(texts.map((ids) => ids.length), batchTokens)) {
        const states = await embedBatch(device, program, batch.map((index) => present(texts[index], 'batches hold indices of texts')));
        batch.forEach((index, n) => (results[index] = states.slice(n * width, (n + 1) * width)));
      }
      return results;
    },
    close: () => device.release(program),
  };
}

async function embedBatch(device: Device, program: Program, texts: readonly (readonly number[])[]): Promise<Float32Array> {
  const { ids_BT, positions_BT, rows_N } = packLastTokens(texts);
  const outputs = await device.run(program, { ids: ids_BT, positions: positions_BT, rows: rows_N });
  return present(outputs['states'], 'the program has the output').data as Float32Array;
}

function embeddingGraph(architecture: Architecture): ReturnType<typeof finishGraph> {
  const trace = createTrace();
  const { hidden_NC } = architecture.forward({
    ids_BT: trace.input('ids', 'i64', ['B', 'T']),
    positions_BT: trace.input('positions', 'i64', ['B', 'T']),
    attention: { kind: 'causal' },
  });
  return finishGraph(trace, { states: takeRows(hidden_NC, trace.input('rows', 'i64', ['N'])) });
}
