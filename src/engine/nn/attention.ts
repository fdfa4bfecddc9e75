/** Multi-head attention with grouped key/value heads: every group of heads/kvHeads query heads shares one key and one
 *  value head.
 *
 *  Two paths with the same result. Whole sequences (`causal`, `mask`) are composed of differentiable matmul and
 *  softmax; the query heads of a group are stacked along the token axis, [B, KV, G·T, D], so shared keys are never
 *  repeated. The cached path runs the fused kernel over a growing key/value cache and has no gradient. Source: arXiv
 *  2305.13245 (grouped queries); transformers `modeling_llama.py` for head order (query head h uses kv head h div G).
 */
import { invariant, unreachable } from '../../base/invariant.js';
import {
  add,
  groupQueryAttention,
  less,
  lessOrEqual,
  matmul,
  mul,
  pad,
  reshape,
  rotary,
  slice,
  softmax,
  sub,
  tanh,
  transpose,
  where,
} from '../tensor/ops/all.js';
import { multiplyDims, type Dim } from '../tensor/dimension.js';
import type { Value } from '../tensor/value.js';

export interface HeadLayout {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
}

/** Which tokens see which. */
export type AttentionPattern =
  /** Every token sees those of its row whose position is not greater: positions must increase along each row, padding
   *  included. */
  | { readonly kind: 'causal' }
  /** bool [B, T, T]: the token of axis 1 sees that of axis 2. Every token must see at least one, or its output is a
   *  plain mean. */
  | { readonly kind: 'mask'; readonly mask: Value }
  /** Every token sees the first lengths_B[b] of its row, those after it too. lengths_B i64 [B]; positions count 0, 1, …
   *  along each row. */
  | { readonly kind: 'bothWays'; readonly lengths_B: Value }
  /** The tokens continue a cache: row b holds lastIndex_B[b] + 1 tokens in all, padding of `ids` on the right.
   *  lastIndex_B i32 [B] · total i32 [1] = max(lastIndex_B) + 1 · bias f32 [B or 1, 1, T, total], added to scores
   *  beside the causal mask · keyPositions i64 [B, total], the position of each cached and new token, for layers with a
   *  window (the bias is [B, 1, T, total] then) */
  | {
      readonly kind: 'cached';
      readonly lastIndex_B: Value;
      readonly total: Value;
      readonly bias: Value;
      readonly keyPositions: Value | null;
      readonly past: readonly KeyValues[];
    };

/** Keys and values of one layer, f32 [B, KV, tokens, D], D as `cachedHeadSize` says. */
export interface KeyValues {
  readonly k: Value;
  readonly v: Value;
}

/** Cosines and sines by token, f32 [B, T, d]: the first 2d channels of every head turn. */
export interface RopeAngles {
  readonly cos_BTd: Value;
  readonly sin_BTd: Value;
}

/** Values that all layers of one forward pass share. */
export interface AttentionContext {
  readonly batch: Dim;
  readonly tokens: Dim;
  /** Returns the term added to scores, f32 [B, 1, 1, T or 1, T]; on the cached path [B or 1, 1, T, total].
   *  @param window a token sees those of its row that are fewer than `window` positions before it; null = no such limit
   */
  readonly biasOf: (window: number | null) => Value;
  readonly pattern: AttentionPattern;
  /** Used by layers that do not name their own; null if positions enter otherwise. */
  readonly rope: RopeAngles | null;
}

/** Settings that may differ from layer to layer. */
export interface LayerAttention extends HeadLayout {
  /** Factor of q·k. */
  readonly scale: number;
  /** Index into the past of the cached path. */
  readonly layer: number;
  /** Default: the context's. */
  readonly rope?: RopeAngles | null;
  /** Default null. */
  readonly window?: number | null;
  /** Scores s become cap · tanh(s / cap) before the mask; default 0: they do not. */
  readonly softcap?: number;
}

/** Low enough that softmax gives exactly 0, finite so that a fully masked row stays a number. */
const masked = -1e30;

/** @param positions_BT i64 [B, T] */
export function attentionContext(
  positions_BT: Value,
  pattern: AttentionPattern,
  rope: AttentionContext['rope'],
): AttentionContext {
  const [batch, tokens] = positions_BT.shape;
  invariant(batch !== undefined && tokens !== undefined, 'positions have two axes');
  const made = new Map<number | null, Value>();
  const biasOf = (window: number | null): Value => {
    const bias =
      made.get(window) ??
      (window === null
        ? maskBias(positions_BT, pattern, batch, tokens)
        : windowBias(biasOf(null), positions_BT, pattern, window));
    made.set(window, bias);
    return bias;
  };
  return { batch, tokens, biasOf, pattern, rope };
}

/** The bias with what lies `window` positions or more before a token hidden as well: positions count, not places in
 *  memory, so that this holds in packed trees too. */
function windowBias(bias: Value, positions_BT: Value, pattern: AttentionPattern, window: number): Value {
  const [batch, tokens] = positions_BT.shape as readonly [Dim, Dim];
  const keys = pattern.kind === 'cached' ? pattern.keyPositions : positions_BT;
  invariant(keys !== null, 'an architecture with windows is given the positions of cached tokens');
  const [, seen] = keys.shape as readonly [Dim, Dim];
  const between = pattern.kind === 'cached' ? [1] : [1, 1];
  const first = sub(reshape(positions_BT, [batch, ...between, tokens, 1]), window - 1);
  return where(less(reshape(keys, [batch, ...between, 1, seen]), first), masked, bias);
}

function maskBias(positions_BT: Value, pattern: AttentionPattern, batch: Dim, tokens: Dim): Value {
  const { trace } = positions_BT;
  const sees = (mask: Value): Value => where(mask, trace.constant('f32', [], [0]), masked);
  switch (pattern.kind) {
    case 'causal':
      return sees(
        lessOrEqual(reshape(positions_BT, [batch, 1, 1, 1, tokens]), reshape(positions_BT, [batch, 1, 1, tokens, 1])),
      );
    case 'mask':
      return sees(reshape(pattern.mask, [batch, 1, 1, tokens, tokens]));
    case 'bothWays':
      return sees(
        less(reshape(positions_BT, [batch, 1, 1, 1, tokens]), reshape(pattern.lengths_B, [batch, 1, 1, 1, 1])),
      );
    case 'cached':
      return pattern.bias;
    default:
      return unreachable(pattern);
  }
}

/** Attention of one layer.
 *  @param q_NC  [B·T, heads·D], not yet rotated; k_NE, v_NE: [B·T, kvHeads·D]
 *  @returns out_NC [B·T, heads·D] and, on the cached path, the keys and values of all tokens so far */
export function attention(
  { q_NC, k_NE, v_NE }: { readonly q_NC: Value; readonly k_NE: Value; readonly v_NE: Value },
  layout: LayerAttention,
  context: AttentionContext,
): { readonly out_NC: Value; readonly present: KeyValues | null } {
  const { pattern, batch, tokens } = context;
  // Both kernels take heads side by side, [B, T, H·D]; only the composed path needs them as an axis.
  const rows = (x_NC: Value, heads: number): Value => reshape(x_NC, [batch, tokens, heads * layout.headSize]);
  const rope = layout.rope === undefined ? context.rope : layout.rope;
  const turned: TokenHeads = {
    q_BTC: rotated(rows(q_NC, layout.heads), layout.heads, rope),
    k_BTE: rotated(rows(k_NE, layout.kvHeads), layout.kvHeads, rope),
    v_BTE: rows(v_NE, layout.kvHeads),
  };
  if (pattern.kind === 'cached') return cachedAttention(turned, layout, context, pattern);
  return { out_NC: wholeAttention(turned, layout, context), present: null };
}

/** Heads side by side in the last axis. */
interface TokenHeads {
  readonly q_BTC: Value;
  readonly k_BTE: Value;
  readonly v_BTE: Value;
}

function rotated(x_BTC: Value, heads: number, rope: RopeAngles | null): Value {
  return rope === null ? x_BTC : rotary(x_BTC, rope.cos_BTd, rope.sin_BTd, { heads });
}

function splitHeads(x_BTC: Value, heads: number, { headSize }: HeadLayout, { batch, tokens }: AttentionContext): Value {
  return transpose(reshape(x_BTC, [batch, tokens, heads, headSize]), [0, 2, 1, 3]);
}

/** softmax(scale · q kᵀ + bias) v, the heads of a group stacked along the token axis. */
function wholeAttention({ q_BTC, k_BTE, v_BTE }: TokenHeads, layout: LayerAttention, context: AttentionContext): Value {
  const { heads, kvHeads, headSize, scale, window = null, softcap = 0 } = layout;
  const { batch, tokens } = context;
  const group = heads / kvHeads;
  const stacked = multiplyDims(group, tokens);
  const q_BKSD = reshape(splitHeads(q_BTC, heads, layout, context), [batch, kvHeads, stacked, headSize]);
  const k_BKTD = splitHeads(k_BTE, kvHeads, layout, context);
  const v_BKTD = splitHeads(v_BTE, kvHeads, layout, context);
  const scores_BKST = matmul(q_BKSD, k_BKTD, { transposeB: true, scale: softcap === 0 ? scale : scale / softcap });
  const capped_BKST = softcap === 0 ? scores_BKST : mul(tanh(scores_BKST), softcap);
  const weights_BKGTT = softmax(
    add(reshape(capped_BKST, [batch, kvHeads, group, tokens, tokens]), context.biasOf(window)),
  );
  const out_BKSD = matmul(reshape(weights_BKGTT, [batch, kvHeads, stacked, tokens]), v_BKTD);
  const out_BTHD = transpose(reshape(out_BKSD, [batch, heads, tokens, headSize]), [0, 2, 1, 3]);
  return reshape(out_BTHD, [multiplyDims(batch, tokens), heads * headSize]);
}

/** Channels of a head in the cache. The fused kernel takes multiples of 8 alone: other heads are filled up with zeros,
 *  which change no score and add channels of zeros to the output. */
export function cachedHeadSize(headSize: number): number {
  return Math.ceil(headSize / 8) * 8;
}

function cachedAttention(
  { q_BTC, k_BTE, v_BTE }: TokenHeads,
  layout: LayerAttention,
  { batch, tokens, biasOf }: AttentionContext,
  { past, lastIndex_B, total }: Extract<AttentionPattern, { kind: 'cached' }>,
): { readonly out_NC: Value; readonly present: KeyValues } {
  const { heads, kvHeads, headSize, scale, layer, window = null, softcap = 0 } = layout;
  const before = past[layer];
  invariant(before !== undefined, 'there is a past for every layer');
  const wide = cachedHeadSize(headSize);
  const widened = (x_BTC: Value, count: number): Value =>
    wide === headSize
      ? x_BTC
      : reshape(pad(reshape(x_BTC, [batch, tokens, count, headSize]), 3, 0, wide - headSize), [
          batch,
          tokens,
          count * wide,
        ]);
  const { out, presentK, presentV } = groupQueryAttention({
    q: widened(q_BTC, heads),
    k: widened(k_BTE, kvHeads),
    v: widened(v_BTE, kvHeads),
    pastK: before.k,
    pastV: before.v,
    lastIndex: lastIndex_B,
    total,
    bias: biasOf(window),
    heads,
    kvHeads,
    scale,
    softcap,
  });
  const out_BTHD = wide === headSize ? out : slice(reshape(out, [batch, tokens, heads, wide]), 3, 0, headSize);
  return {
    out_NC: reshape(out_BTHD, [multiplyDims(batch, tokens), heads * headSize]),
    present: { k: presentK, v: presentV },
  };
}
