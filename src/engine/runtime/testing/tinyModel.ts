/** A small random language model for tests of generation: two layers of grouped attention over learned positions, an
 *  inference graph in the form that `decode` drives, and the same computation in plain loops, over the whole sequence,
 *  without a cache. */
import { openStream, streamKey } from '../../../base/random.js';
import { finishGraph, type Graph } from '../../tensor/graph.js';
import {
  add,
  gatherRows,
  groupQueryAttention,
  logSumExp,
  matmul,
  reshape,
  takeRows,
  tanh,
  tokenLogProb,
} from '../../tensor/ops/all.js';
import { createTrace } from '../../tensor/trace.js';
import type { CacheShape } from '../decodeRow.js';
import type { StoreEntry } from '../tensorStore.js';

export interface TinyModel {
  readonly vocabularySize: number;
  readonly positions: number;
  readonly heads: number;
  readonly cache: CacheShape;
}

export const tinyModel: TinyModel = {
  vocabularySize: 53,
  positions: 64,
  heads: 4,
  cache: { layers: 2, kvHeads: 2, headSize: 8 },
};

const layerWeights = ['q', 'k', 'v', 'o'] as const;

export function tinyEntries({
  vocabularySize,
  positions,
  heads,
  cache: { layers, kvHeads, headSize },
}: TinyModel): StoreEntry[] {
  const width = heads * headSize;
  return [
    { name: 'tokens', shape: [vocabularySize, width] },
    { name: 'positionTable', shape: [positions, width] },
    ...Array.from({ length: layers }, (_, layer) =>
      layerWeights.map((part) => ({
        name: `${part}.${String(layer)}`,
        shape: [width, part === 'k' || part === 'v' ? kvHeads * headSize : width],
      })),
    ).flat(),
  ];
}

export function tinyWeights(model: TinyModel, seed: number): ReadonlyMap<string, Float32Array> {
  return new Map(
    tinyEntries(model).map(({ name, shape }) => {
      const stream = openStream(streamKey(seed, name));
      return [name, Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => stream.normal() * 0.35)];
    }),
  );
}

export function tinyInferenceGraph(model: TinyModel): Graph {
  const {
    heads,
    cache: { layers, kvHeads, headSize },
  } = model;
  const trace = createTrace();
  const weight = new Map(tinyEntries(model).map(({ name, shape }) => [name, trace.parameter(name, shape)]));
  const parameter = (name: string): ReturnType<typeof trace.parameter> => {
    const found = weight.get(name);
    if (found === undefined) throw new Error(name);
    return found;
  };
  const [lastIndex, total] = [trace.input('lastIndex', 'i32', ['B']), trace.input('total', 'i32', [1])];
  const bias = trace.input('attentionBias', 'f32', ['S', 1, 'T', 'W']);
  const ids = trace.input('ids', 'i64', ['B', 'T']);
  let x = add(
    gatherRows(parameter('tokens'), ids),
    gatherRows(parameter('positionTable'), trace.input('positions', 'i64', ['B', 'T'])),
  );
  const outputs: Record<string, typeof x> = {};
  for (let layer = 0; layer < layers; layer++) {
    const project = (part: string): typeof x => matmul(x, parameter(`${part}.${String(layer)}`));
    const past = (name: string): typeof x =>
      trace.input(`${name}.${String(layer)}`, 'f32', ['B', kvHeads, 'P', headSize]);
    const { out, presentK, presentV } = groupQueryAttention({
      q: project('q'),
      k: project('k'),
      v: project('v'),
      pastK: past('pastK'),
      pastV: past('pastV'),
      lastIndex,
      total,
      bias,
      heads,
      kvHeads,
      scale: 1 / Math.sqrt(headSize),
    });
    x = add(x, tanh(matmul(out, parameter(`o.${String(layer)}`))));
    outputs[`presentK.${String(layer)}`] = presentK;
    outputs[`presentV.${String(layer)}`] = presentV;
  }
  const rows = (name: string, size: string): typeof x =>
    takeRows(reshape(x, ['B*T', heads * headSize]), trace.input(name, 'i64', [size]));
  const logits_NV = matmul(rows('logitRows', 'N'), parameter('tokens'), { transposeB: true });
  return finishGraph(trace, {
    logits: logits_NV,
    logTotals: logSumExp(logits_NV),
    scored: tokenLogProb(rows('scoreRows', 'M'), parameter('tokens'), trace.input('scoreIds', 'i64', ['M'])),
    ...outputs,
  });
}

/** Logits at every position, [T][V], in double precision. */
export function tinyLogits(
  model: TinyModel,
  weights: ReadonlyMap<string, Float32Array>,
  ids: readonly number[],
): number[][] {
  const {
    vocabularySize,
    heads,
    cache: { layers, kvHeads, headSize },
  } = model;
  const width = heads * headSize;
  const at = (name: string, row: number, column: number, columns: number): number =>
    weights.get(name)?.[row * columns + column] ?? NaN;
  const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
  const dot = (a: readonly number[], name: string, columns: number): number[] =>
    range(columns).map((c) => a.reduce((sum, value, i) => sum + value * at(name, i, c, columns), 0));
  let x = ids.map((id, t) => range(width).map((c) => at('tokens', id, c, width) + at('positionTable', t, c, width)));
  for (let layer = 0; layer < layers; layer++) {
    const [q, k, v] = (['q', 'k', 'v'] as const).map((part) =>
      x.map((row) => dot(row, `${part}.${String(layer)}`, part === 'q' ? width : kvHeads * headSize)),
    );
    x = x.map((row, t) => {
      const out = range(heads).flatMap((head) => {
        const group = Math.floor(head / (heads / kvHeads));
        const scores = range(t + 1).map((s) => {
          const products = range(headSize).map(
            (d) => (q?.[t]?.[head * headSize + d] ?? NaN) * (k?.[s]?.[group * headSize + d] ?? NaN),
          );
          return products.reduce((sum, each) => sum + each, 0) / Math.sqrt(headSize);
        });
        const weightsOf = softmax(scores);
        return range(headSize).map((d) =>
          weightsOf.reduce((sum, w, s) => sum + w * (v?.[s]?.[group * headSize + d] ?? NaN), 0),
        );
      });
      return row.map((value, c) => value + Math.tanh(dot(out, `o.${String(layer)}`, width)[c] ?? NaN));
    });
  }
  return x.map((row) =>
    range(vocabularySize).map((id) => row.reduce((sum, value, c) => sum + value * at('tokens', id, c, width), 0)),
  );
}

export function softmax(scores: readonly number[]): number[] {
  const max = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - max));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}
