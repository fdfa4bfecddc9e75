/** Token sequences as the feeds of a training graph: right-padded rows, and a list of the positions that matter.
 *
 *  Only completion tokens are listed, each by the position that predicts it (logit t predicts token t + 1), so no mask
 *  and no padding id can leak into a loss. */
import { ConfigError } from '../../base/errors.js';
import { invariant } from '../../base/invariant.js';
import { i64Tensor, type HostTensor } from '../runtime/hostTensor.js';

export interface Sequence {
  readonly prefix: readonly number[];
  readonly completion: readonly number[];
}

export interface PackedSequences {
  readonly ids_BT: HostTensor;
  /** 0, 1, 2, … along every row, padding included, as causal attention asks. */
  readonly positions_BT: HostTensor;
  /** Flat index into [B·T] of the position that predicts each completion token; items in order, tokens in order. */
  readonly rows_N: HostTensor;
  /** The completion tokens. */
  readonly targets_N: HostTensor;
  /** The item each of them belongs to. */
  readonly segment_N: Int32Array;
}

/** @param vocabularySize ids from here on are soft tokens; by default none is
 *  @throws ConfigError when an item with a completion has no prefix: the probability of a first token is not defined
 *    without one; and for a soft token in a completion, which has none either */
export function packSequences(items: readonly Sequence[], vocabularySize = Infinity): PackedSequences {
  items.forEach((item, index) => {
    requirePrefix(item, index);
    refuseSoftTargets(item, index, vocabularySize);
  });
  const tokens = Math.max(0, ...items.map(readLength));
  invariant(items.length > 0 && tokens > 0, 'a batch has at least one token');
  const ids = new BigInt64Array(items.length * tokens);
  const positions = BigInt64Array.from({ length: ids.length }, (_, i) => BigInt(i % tokens));
  const rows: number[] = [];
  const targets: number[] = [];
  const segments: number[] = [];
  items.forEach(({ prefix, completion }, item) => {
    [...prefix, ...completion]
      .slice(0, readLength({ prefix, completion }))
      .forEach((id, t) => (ids[item * tokens + t] = BigInt(id)));
    completion.forEach((id, t) => {
      rows.push(item * tokens + prefix.length + t - 1);
      targets.push(id);
      segments.push(item);
    });
  });
  const dims = [items.length, tokens];
  return {
    ids_BT: i64Tensor(dims, ids),
    positions_BT: i64Tensor(dims, positions),
    rows_N: i64Tensor([rows.length], rows),
    targets_N: i64Tensor([targets.length], targets),
    segment_N: Int32Array.from(segments),
  };
}

/** Tokens of an item that have to be read: the last of a completion is predicted, but predicts nothing that is asked
 *  for. */
function readLength({ prefix, completion }: Sequence): number {
  return completion.length === 0 ? prefix.length : prefix.length + completion.length - 1;
}

function requirePrefix({ prefix, completion }: Sequence, index: number): void {
  if (prefix.length === 0 && completion.length > 0) {
    throw new ConfigError('The probability of a first token is not defined', {
      where: `item ${String(index)}`,
      expected: 'at least one token before the completion',
      got: 'an empty prompt',
      remedy: 'Give a prompt, or begin with the beginning-of-sequence token where the model has one.',
    });
  }
}

function refuseSoftTargets({ completion }: Sequence, index: number, vocabularySize: number): void {
  const soft = completion.find((id) => id >= vocabularySize);
  if (soft === undefined) return;
  throw new ConfigError('a soft token has no probability', {
    where: `item ${String(index)}`,
    expected: `completion tokens below ${String(vocabularySize)}`,
    got: String(soft),
    remedy: 'Soft tokens belong to the prefix.',
  });
}
