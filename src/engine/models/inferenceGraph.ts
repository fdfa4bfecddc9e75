/** The one dynamic graph that generates and scores: it encodes whole prompts, packed as trees, or continues a key/value cache by one
 *  token per row.
 *
 *  inputs   ids i64 [B, T] · positions i64 [B, T] · lastIndex i32 [B] (tokens of the row so far − 1) · total i32 [1] (most tokens of a row)
 *           attentionBias f32 [S, 1, T, W], S = B or 1, W = total: added to attention scores beside the causal mask
 *           keyPositions i64 [B, W]: the position of each key; only where layers have a sliding window (S is B then)
 *           soft f32 [R, C]: what ids from the vocabulary's size on mean (see `embedTokens`); only where asked for
 *           logitRows i64 [N], scoreRows i64 [M] (flat indices into [B·T]) · scoreIds i64 [M] · pastK.i, pastV.i f32 [B, KV, P, D]
 *  outputs  logits f32 [N, V] · logTotals f32 [N] (log Σ exp of each row of logits) ·
 *           scored f32 [M] (log-probability of scoreIds at scoreRows, nats) · presentK.i, presentV.i f32 [B, KV, ≥ P + T, D] */
import { cachedHeadSize } from '../nn/attention.js';
import type { CacheShape } from '../runtime/decodeRow.js';
import { finishGraph, type Graph } from '../tensor/graph.js';
import { logSumExp, takeRows, tokenLogProb } from '../tensor/ops/all.js';
import { createTrace } from '../tensor/trace.js';
import type { Architecture } from './family.js';
import { traceLogits } from './tokenLogProbs.js';

/** Size of the key/value cache of a model's inference graph. */
export function cacheShapeOf({ config }: Pick<Architecture, 'config'>): CacheShape {
  const { layers, kvHeads, headSize } = config;
  return { layers, kvHeads, headSize: cachedHeadSize(headSize) };
}

/** @param options.soft whether ids may mean soft tokens; without it the graph is that of tokens alone */
export function inferenceGraph(architecture: Architecture, { soft = false } = {}): Graph {
  const { config, head } = architecture;
  const trace = createTrace();
  const hasWindow = config.slidingWindow !== undefined;
  const { layers, kvHeads, headSize } = cacheShapeOf(architecture);
  const past = Array.from({ length: layers }, (_, layer) => {
    const shape = ['B', kvHeads, 'P', headSize];
    return {
      k: trace.input(`pastK.${String(layer)}`, 'f32', shape),
      v: trace.input(`pastV.${String(layer)}`, 'f32', shape),
    };
  });
  const { hidden_NC, present } = architecture.forward({
    ids_BT: trace.input('ids', 'i64', ['B', 'T']),
    positions_BT: trace.input('positions', 'i64', ['B', 'T']),
    soft_SC: soft ? trace.input('soft', 'f32', ['R', config.width]) : undefined,
    attention: {
      kind: 'cached',
      past,
      lastIndex_B: trace.input('lastIndex', 'i32', ['B']),
      total: trace.input('total', 'i32', [1]),
      bias: trace.input('attentionBias', 'f32', [hasWindow ? 'B' : 'S', 1, 'T', 'W']),
      keyPositions: hasWindow ? trace.input('keyPositions', 'i64', ['B', 'W']) : null,
    },
  });
  const head_VC = trace.parameter(head.name, head.shape);
  const rows = (name: string, count: string): typeof hidden_NC =>
    takeRows(hidden_NC, trace.input(name, 'i64', [count]));
  const softcap = config.logitSoftcap ?? 0;
  const logits_NV = traceLogits(architecture, rows('logitRows', 'N'));
  return finishGraph(trace, {
    logits: logits_NV,
    logTotals: logSumExp(logits_NV),
    scored: tokenLogProb(rows('scoreRows', 'M'), head_VC, trace.input('scoreIds', 'i64', ['M']), { softcap }),
    ...Object.fromEntries(
      present.flatMap(({ k, v }, layer) => [
        [`presentK.${String(layer)}`, k],
        [`presentV.${String(layer)}`, v],
      ]),
    ),
  });
}
