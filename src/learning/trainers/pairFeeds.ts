/** Preference pairs as the feeds of the trainer's graph: which replies are read, which pairs share a row, which rows a
 *  microbatch.
 *
 *  The replies of a pair stand in one order everywhere: chosen, rejected and, where the objective reads it, toxic. In
 *  shared rows they are branches after one prefix, [prefix | y+ | y− | y_t], each blind to the others; the toxic reply
 *  comes after the plain prefix like the others, whatever it was sampled after. A pair's anchor is its last sequence,
 *  with a prefix of its own. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import type { Sequence } from '../../engine/models/packSequences.js';
import { f32Tensor, type HostTensor } from '../../engine/runtime/hostTensor.js';
import { planMicrobatches } from './microbatches.js';
import { assignRows } from './sharedRows.js';
import { packRows } from './tokenInputs.js';
import type { TrainingPair } from './trainingData.js';

export interface PairPacking {
  readonly rows: 'shared' | 'separate';
  readonly logProbs: 'sum' | 'mean';
  readonly microbatchTokens: number;
  /** The toxic reply is read as well. */
  readonly toxic: boolean;
  /** The pair's margin is read as well. */
  readonly margin: boolean;
  /** The anchor is read as well; its weight, > 0 where it is. */
  readonly anchor: number;
}

/** A microbatch as rows, each with the indices of its pairs. */
export type PairRows = readonly (readonly number[])[];

/** Microbatches of a batch. A row is never split between them, so neither is a pair.
 *  @throws ConfigError naming a pair without the toxic reply, the margin or the anchor that is to be read */
export function cutPairs(pairs: readonly TrainingPair[], packing: PairPacking): readonly PairRows[] {
  const { rows, microbatchTokens } = packing;
  requireReadable(pairs, packing);
  const groups = pairs.map((pair) => repliesOf(pair, packing));
  const assigned: readonly { readonly groups: readonly number[]; readonly tokens: number }[] =
    rows === 'shared'
      ? assignRows(groups, microbatchTokens)
      : groups.map((group, i) => ({
          groups: [i],
          tokens: group.length * Math.max(...group.map(({ prefix, completion }) => prefix.length + completion.length)),
        }));
  const plan = planMicrobatches(
    assigned.map(({ tokens }) => tokens),
    microbatchTokens,
  );
  return plan.map((members) => members.map((row) => present(assigned[row], 'a row').groups));
}

/** Returns the inputs that `preferenceLoss` lists. Pair p of the graph is the p-th of `rows.flat()`.
 *  @param rows of one microbatch of `pairs`, the whole batch */
export function pairFeeds(
  rows: PairRows,
  pairs: readonly TrainingPair[],
  packing: PairPacking,
): Readonly<Record<string, HostTensor>> {
  const members = rows.flat().map((i) => present(pairs[i], 'a pair'));
  const { sequencesByRow, usesBySegment } = distinctSequences(rows, pairs, packing);
  const packed = packRows(sequencesByRow, packing.rows === 'shared' ? 'masked' : 'causal');
  const sequences = sequencesByRow.flat();
  const tokens = packed.segment_N.length;
  const replies = packing.toxic ? 3 : 2;
  const weights = Array.from({ length: replies }, () => new Float32Array(members.length * tokens));
  const anchors = {
    weights: new Float32Array(tokens),
    reference: new Float32Array(tokens),
    read: new Map<number, number>(),
  };
  packed.segment_N.forEach((segment, n) => {
    const { completion } = present(sequences[segment], 'a completion for each segment');
    for (const { pair, reply } of present(usesBySegment[segment], 'uses of each segment')) {
      if (reply < replies) {
        present(weights[reply], 'weights for each reply')[pair * tokens + n] =
          packing.logProbs === 'sum' ? 1 : 1 / completion.length;
        continue;
      }
      // Tokens of a completion come in order.
      const at = anchors.read.get(segment) ?? 0;
      anchors.read.set(segment, at + 1);
      anchors.weights[n] = packing.anchor / (completion.length * pairs.length);
      anchors.reference[n] = present(members[pair]?.anchor?.reference[at], 'a reference for each token of an anchor');
    }
  });
  const weightsOf = (reply: number): HostTensor =>
    f32Tensor([members.length, tokens], present(weights[reply], 'weights for each reply'));
  const perPair = (value: (pair: TrainingPair) => number): HostTensor =>
    f32Tensor([members.length], members.map(value));
  const { logProbs, toxic } = packing;
  return {
    ...packed.feeds,
    chosenWeights: weightsOf(0),
    rejectedWeights: weightsOf(1),
    referenceChosen: perPair((pair) => joinTokens(pair.referenceChosen, logProbs)),
    referenceRejected: perPair((pair) => joinTokens(pair.referenceRejected, logProbs)),
    ...(toxic
      ? {
          toxicWeights: weightsOf(2),
          referenceToxic: perPair((pair) => joinTokens(pair.referenceToxic ?? [], logProbs)),
        }
      : {}),
    ...(packing.margin
      ? { soughtMargin: perPair(({ soughtMargin }) => present(soughtMargin, 'a margin for each pair')) }
      : {}),
    chosenMeans: perPair((pair) => meanFactor(pair.chosen.length, logProbs)),
    pairWeights: perPair(() => 1 / pairs.length),
    ...(packing.anchor > 0
      ? { anchorWeights: f32Tensor([tokens], anchors.weights), anchorReference: f32Tensor([tokens], anchors.reference) }
      : {}),
  };
}

/** A sequence is read here: the pair's place in the microbatch, and the place of the reply in the pair. */
interface SequenceUse {
  readonly pair: number;
  readonly reply: number;
}

/** Lists the sequences of a microbatch row by row. In shared rows of graded pairs, which are every two siblings of a node,
 *  a completion that several pairs have in common is listed once; other pairs seldom share one. An anchor never is
 *  shared, since its tokens have weights of their own. */
function distinctSequences(
  rows: PairRows,
  pairs: readonly TrainingPair[],
  packing: PairPacking,
): {
  readonly sequencesByRow: readonly (readonly Sequence[])[];
  readonly usesBySegment: readonly (readonly SequenceUse[])[];
} {
  const replies = packing.toxic ? 3 : 2;
  const isShared = packing.rows === 'shared' && packing.margin;
  const usesBySegment: SequenceUse[][] = [];
  let pair = 0;
  const sequencesByRow = rows.map((row) => {
    const sequences: Sequence[] = [];
    const known = new Map<string, SequenceUse[]>();
    for (const index of row) {
      repliesOf(present(pairs[index], 'a pair'), packing).forEach((sequence, reply) => {
        const key = `${sequence.prefix.join()}:${sequence.completion.join()}`;
        const uses = isShared && reply < replies ? known.get(key) : undefined;
        if (uses === undefined) {
          const own = [{ pair, reply }];
          usesBySegment.push(own);
          sequences.push(sequence);
          if (reply < replies) known.set(key, own);
        } else uses.push({ pair, reply });
      });
      pair++;
    }
    return sequences;
  });
  return { sequencesByRow, usesBySegment };
}

/** The log-probability of a completion, nats or nats per token. */
export function joinTokens(logProbs: readonly number[], how: PairPacking['logProbs']): number {
  const sum = logProbs.reduce((total, logProb) => total + logProb, 0);
  return how === 'sum' ? sum : sum / logProbs.length;
}

/** Returns the factor that makes a joined log-probability the mean over its tokens. */
export function meanFactor(tokens: number, how: PairPacking['logProbs']): number {
  return how === 'sum' ? 1 / tokens : 1;
}

/** Checks that the pairs have all that the objective reads.
 *  @throws ConfigError naming a pair without the toxic reply, the margin or the anchor that is to be read */
export function requireReadable(
  pairs: readonly TrainingPair[],
  { toxic, margin, anchor }: Pick<PairPacking, 'toxic' | 'margin' | 'anchor'>,
): void {
  if (toxic) pairs.forEach(requireToxic);
  if (margin) pairs.forEach(requireMargin);
  if (anchor > 0) pairs.forEach(requireAnchor);
}

function repliesOf(
  { prefix, chosen, rejected, toxic, anchor }: TrainingPair,
  packing: Pick<PairPacking, 'toxic' | 'anchor'>,
): readonly Sequence[] {
  const replies = packing.toxic ? [chosen, rejected, present(toxic, 'a toxic reply')] : [chosen, rejected];
  return [
    ...replies.map((completion) => ({ prefix, completion })),
    ...(packing.anchor > 0 ? [present(anchor, 'an anchor')] : []),
  ];
}

function requireAnchor({ anchor }: TrainingPair, index: number): void {
  if (anchor !== undefined && anchor.completion.length > 0 && anchor.reference.length === anchor.completion.length)
    return;
  throw new ConfigError('this pair has no anchor', {
    where: `pair ${String(index)}`,
    expected: 'a completion that is to stay as likely as it was, and its log-probabilities',
    remedy: 'Give one, or set anchor to 0.',
  });
}

function requireMargin({ soughtMargin }: TrainingPair, index: number): void {
  if (soughtMargin !== undefined && Number.isFinite(soughtMargin)) return;
  throw new ConfigError('this pair has no margin to train towards', {
    where: `pair ${String(index)}`,
    expected: 'a finite number of nats',
    got: String(soughtMargin),
    remedy: 'Give soughtMargin, or train with ipo, whose margin is 1/(2β) for every pair.',
  });
}

function requireToxic({ toxic = [], referenceToxic = [] }: TrainingPair, index: number): void {
  if (toxic.length > 0 && referenceToxic.length === toxic.length) return;
  throw new ConfigError('this pair has no toxic reply to train away', {
    where: `pair ${String(index)}`,
    expected: 'the ids of a toxic reply and the reference’s log-probability of each',
    got: `${String(toxic.length)} ids, ${String(referenceToxic.length)} log-probabilities`,
    remedy: 'Leave the pair out, or set gamma to 0, which is DPO.',
  });
}
