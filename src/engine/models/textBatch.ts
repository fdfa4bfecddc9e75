/** Whole texts through a body: the inputs of a graph that reads and pools them, and the feeds of a batch. Rows are padded on the right;
 *  what a text gives depends on no other text and not on the padding.
 *
 *  inputs   ids, positions i64 [B, T] · lengths i64 [B], for a body that reads both ways (left to right, padding is never seen)
 *           soft f32 [R, C] (what ids from the vocabulary's size on mean), where asked for
 *           rows i64 [B] (flat index of the pooled token), or shares f32 [B, T] (1 / length for real tokens) for a mean */
import { ConfigError } from '../../base/errors.js';
import { invariant } from '../../base/invariant.js';
import { f32Tensor, i64Tensor, type HostTensor } from '../runtime/hostTensor.js';
import { matmul, reshape, takeRows } from '../tensor/ops/all.js';
import { at } from '../tensor/shapeRules.js';
import type { Trace, Value } from '../tensor/value.js';
import type { ForwardInputs } from './family.js';
import type { Pooling, TextBody } from './textBody.js';

export type PooledBody = Pick<TextBody, 'reads' | 'forward' | 'config'>;

export interface TextReading {
  readonly pooling: Pooling;
  /** Index into the states of the body, as transformers lists its `hidden_states`: 0 are the embeddings, n what layer n
   *  gives, and the last those after the final norm; negative ones count from the end. Default −1. */
  readonly layer?: number;
  /** Whether ids may mean soft tokens; for bodies that read left to right. Default false. */
  readonly soft?: boolean;
}

/** Declares the inputs of a text batch and traces the pooled states; the weights become parameters of the trace.
 *  @returns pooled_BC f32 [B, C] and what the body was given
 *  @throws ConfigError for a layer that the body does not have */
export function traceTexts(
  trace: Trace,
  body: PooledBody,
  { pooling, layer = -1, soft = false }: TextReading,
): { readonly pooled_BC: Value; readonly inputs: ForwardInputs } {
  const inputs: ForwardInputs = {
    ids_BT: trace.input('ids', 'i64', ['B', 'T']),
    positions_BT: trace.input('positions', 'i64', ['B', 'T']),
    soft_SC: soft ? trace.input('soft', 'f32', ['R', body.config.width]) : undefined,
    attention:
      body.reads === 'leftToRight'
        ? { kind: 'causal' }
        : { kind: 'bothWays', lengths_B: trace.input('lengths', 'i64', ['B']) },
  };
  const { hidden_NC, layerInputs } = body.forward(inputs);
  const states_NC = [...layerInputs, hidden_NC].at(requireLayer(layer, layerInputs.length)) ?? hidden_NC;
  if (pooling !== 'mean') return { pooled_BC: takeRows(states_NC, trace.input('rows', 'i64', ['B'])), inputs };
  const width = at(states_NC.shape, 1);
  const shares_B1T = reshape(trace.input('shares', 'f32', ['B', 'T']), ['B', 1, 'T']);
  return { pooled_BC: reshape(matmul(shares_B1T, reshape(states_NC, ['B', 'T', width])), ['B', width]), inputs };
}

/** @param layers of the body
 *  @throws ConfigError for a layer that it does not have */
export function requireLayer(layer: number, layers: number): number {
  if (Number.isInteger(layer) && layer >= -layers - 1 && layer <= layers) return layer;
  throw new ConfigError('no such layer', {
    where: 'embed.layer',
    expected: `0 (the embeddings) to ${String(layers)} (the last), or -1 (the last) to ${String(-layers - 1)}`,
    got: String(layer),
  });
}

/** The feeds of those inputs. @param texts token ids, none empty */
export function packTexts(
  texts: readonly (readonly number[])[],
  { reads }: Pick<TextBody, 'reads'>,
  pooling: Pooling,
): Readonly<Record<string, HostTensor>> {
  invariant(texts.length > 0 && texts.every((ids) => ids.length > 0), 'a batch has texts, and every text a token');
  const tokens = Math.max(...texts.map((ids) => ids.length));
  const dims = [texts.length, tokens];
  const ids = new BigInt64Array(texts.length * tokens);
  texts.forEach((text, row) => text.forEach((id, t) => (ids[row * tokens + t] = BigInt(id))));
  return {
    ids: i64Tensor(dims, ids),
    positions: i64Tensor(
      dims,
      BigInt64Array.from({ length: ids.length }, (_, i) => BigInt(i % tokens)),
    ),
    ...(reads === 'leftToRight'
      ? {}
      : {
          lengths: i64Tensor(
            [texts.length],
            texts.map((text) => text.length),
          ),
        }),
    ...poolingFeeds(texts, tokens, pooling),
  };
}

function poolingFeeds(
  texts: readonly (readonly number[])[],
  tokens: number,
  pooling: Pooling,
): Readonly<Record<string, HostTensor>> {
  if (pooling !== 'mean') {
    return {
      rows: i64Tensor(
        [texts.length],
        texts.map((text, row) => row * tokens + (pooling === 'first' ? 0 : text.length - 1)),
      ),
    };
  }
  const shares = new Float32Array(texts.length * tokens);
  texts.forEach((text, row) => shares.fill(1 / text.length, row * tokens, row * tokens + text.length));
  return { shares: f32Tensor([texts.length, tokens], shares) };
}
