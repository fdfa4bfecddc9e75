/** Preference training (IPO, DPO) of a language model on pairs with known reference log-probabilities.
 *
 *  One optimizer step a batch. Both completions of a pair share one row, and pairs with a common history share it as well, so that
 *  a prefix is computed once (`sharedRows.ts`); `rows: 'separate'` computes every completion in a row of its own and serves as the
 *  definition that the fast path is tested against. Log names are TRL's. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import { packSequences, type PackedSequences, type Sequence } from '../../engine/models/packSequences.js';
import { traceTokenLogProbs } from '../../engine/models/tokenLogProbs.js';
import { type AdamwConfig, defaultAdamw } from '../../engine/optim/adamw.js';
import { f32Tensor, type HostTensor } from '../../engine/runtime/hostTensor.js';
import { matmul, mul, reduceSum, reshape } from '../../engine/tensor/ops/all.js';
import type { Value } from '../../engine/tensor/value.js';
import { preferenceFormulas, type PreferenceFormulaName } from '../formulas/preference.js';
import { traced } from '../formulas/traceArithmetic.js';
import { planMicrobatches } from './microbatches.js';
import { assignRows, packSharedRows } from './sharedRows.js';
import type { TrainingPair } from './trainingData.js';
import { createWeightTrainer, type LossBuilder, type WeightTrainer } from './weightTrainer.js';

export interface PreferenceOptions {
  readonly loss: PreferenceFormulaName;
  /** Regularisation, > 0, 1/nats. It does not carry over between `sum` and `mean`. */
  readonly beta: number;
  /** How a completion's tokens are joined: ASTPrompter and TRL's online trainer sum. */
  readonly logProbs: 'sum' | 'mean';
  readonly rows: 'shared' | 'separate';
  /** Tokens, padding included, computed at once. */
  readonly microbatchTokens: number;
  readonly optimizer: AdamwConfig;
}

export const defaultPreference: PreferenceOptions = {
  loss: 'ipo',
  beta: 0.05,
  logProbs: 'sum',
  rows: 'shared',
  microbatchTokens: 1024,
  optimizer: { ...defaultAdamw, learningRate: 1e-4, schedule: { kind: 'constant', warmupSteps: 8 } },
};

export interface PreferenceTrainer extends Pick<WeightTrainer, 'step' | 'save' | 'load' | 'release'> {
  /** One optimizer step on one batch of pairs. Returns what is logged: loss, learning_rate, grad_norm, and by TRL's names
   *  rewards/chosen, rewards/rejected (β · (log π − log π_ref)), rewards/margins, rewards/accuracies, logps/chosen, logps/rejected. */
  readonly train: (pairs: readonly TrainingPair[]) => Promise<Readonly<Record<string, number>>>;
}

/** @throws ConfigError when beta is not positive */
export async function createPreferenceTrainer(model: LanguageModel, options: Partial<PreferenceOptions> = {}): Promise<PreferenceTrainer> {
  const resolved: PreferenceOptions = { ...defaultPreference, ...options };
  if (!(resolved.beta > 0)) throw new ConfigError('beta must be positive', { where: 'beta', got: String(resolved.beta) });
  const trainer = await createWeightTrainer(model, preferenceLoss(resolved), resolved.optimizer);
  return {
    step: trainer.step,
    save: trainer.save,
    load: trainer.load,
    release: trainer.release,
    train: async (pairs) => {
      const microbatches = cutPairs(pairs, resolved);
      const { report, outputs } = await trainer.update(microbatches.map((rows) => pairFeeds(rows, pairs, resolved)));
      const policy = pairs.map(() => ({ chosen: 0, rejected: 0 }));
      microbatches.forEach((rows, m) => {
        rows.flat().forEach((pair, i) => {
          policy[pair] = { chosen: outputAt(outputs[m], 'policyChosen', i), rejected: outputAt(outputs[m], 'policyRejected', i) };
        });
      });
      return {
        loss: report.loss,
        learning_rate: report.learningRate,
        grad_norm: report.gradientNorm,
        ...preferenceMetrics(pairs, policy, resolved),
      };
    },
  };
}

/** inputs   ids i64 [B, T] · positions i64 [B, T] · mask bool [B, T, T] (shared rows only) · rows, targets i64 [N]
 *           chosenWeights, rejectedWeights f32 [P, N] (what joins tokens to completions) · referenceChosen, referenceRejected,
 *           pairWeights f32 [P] (1 / pairs of the whole batch)
 *  outputs  loss [] · policyChosen, policyRejected [P], nats */
export function preferenceLoss({ loss, beta, rows }: Pick<PreferenceOptions, 'loss' | 'beta' | 'rows'>): LossBuilder {
  return (trace, architecture) => {
    const tokenLogProbs_N = traceTokenLogProbs(architecture, {
      ids_BT: trace.input('ids', 'i64', ['B', 'T']),
      positions_BT: trace.input('positions', 'i64', ['B', 'T']),
      attention: rows === 'shared' ? { kind: 'mask', mask: trace.input('mask', 'bool', ['B', 'T', 'T']) } : { kind: 'causal' },
      rows_N: trace.input('rows', 'i64', ['N']),
      targets_N: trace.input('targets', 'i64', ['N']),
    });
    const column_N1 = reshape(tokenLogProbs_N, ['N', 1]);
    const join = (weights: string): Value => reshape(matmul(trace.input(weights, 'f32', ['P', 'N']), column_N1), ['P']);
    const policyChosen = join('chosenWeights');
    const policyRejected = join('rejectedWeights');
    const pairLosses = preferenceFormulas[loss](
      traced,
      {
        policyChosen,
        policyRejected,
        referenceChosen: trace.input('referenceChosen', 'f32', ['P']),
        referenceRejected: trace.input('referenceRejected', 'f32', ['P']),
      },
      beta,
    ).loss;
    return { loss: reduceSum(mul(pairLosses, trace.input('pairWeights', 'f32', ['P'])), [0]), outputs: { policyChosen, policyRejected } };
  };
}

/** Means over the batch, on the host, from the log-probabilities that the graph gave. */
export function preferenceMetrics(
  pairs: readonly TrainingPair[],
  policy: readonly { readonly chosen: number; readonly rejected: number }[],
  { beta, logProbs }: Pick<PreferenceOptions, 'beta' | 'logProbs'>,
): Readonly<Record<string, number>> {
  const sums = { chosen: 0, rejected: 0, accuracies: 0, logpsChosen: 0, logpsRejected: 0 };
  pairs.forEach((pair, i) => {
    const { chosen, rejected } = present(policy[i], 'a policy value for each pair');
    const rewardChosen = beta * (chosen - joinTokens(pair.referenceChosen, logProbs));
    const rewardRejected = beta * (rejected - joinTokens(pair.referenceRejected, logProbs));
    sums.chosen += rewardChosen;
    sums.rejected += rewardRejected;
    sums.accuracies += rewardChosen > rewardRejected ? 1 : 0;
    sums.logpsChosen += chosen;
    sums.logpsRejected += rejected;
  });
  const n = pairs.length;
  return {
    'rewards/chosen': sums.chosen / n,
    'rewards/rejected': sums.rejected / n,
    'rewards/margins': (sums.chosen - sums.rejected) / n,
    'rewards/accuracies': sums.accuracies / n,
    'logps/chosen': sums.logpsChosen / n,
    'logps/rejected': sums.logpsRejected / n,
  };
}

/** A microbatch as rows, each with the indices of its pairs. */
type PairRows = readonly (readonly number[])[];

/** A row is never split between microbatches, so neither is a pair. */
function cutPairs(pairs: readonly TrainingPair[], { rows, microbatchTokens }: PreferenceOptions): readonly PairRows[] {
  const assigned: readonly { readonly groups: readonly number[]; readonly tokens: number }[] =
    rows === 'shared'
      ? assignRows(pairs.map(bothSequences), microbatchTokens)
      : pairs.map((pair, i) => ({
          groups: [i],
          tokens: 2 * Math.max(...bothSequences(pair).map(({ prefix, completion }) => prefix.length + completion.length)),
        }));
  const plan = planMicrobatches(
    assigned.map(({ tokens }) => tokens),
    microbatchTokens,
  );
  return plan.map((members) => members.map((row) => present(assigned[row], 'a row').groups));
}

/** Pair p of the graph is the p-th of `rows.flat()`. */
function pairFeeds(rows: PairRows, pairs: readonly TrainingPair[], options: PreferenceOptions): Readonly<Record<string, HostTensor>> {
  const members = rows.flat().map((i) => present(pairs[i], 'a pair'));
  const sequences = members.flatMap(bothSequences);
  const packed: PackedSequences & { readonly mask_BTT?: HostTensor } =
    options.rows === 'shared'
      ? packSharedRows(rows.map((row) => row.flatMap((i) => bothSequences(present(pairs[i], 'a pair')))))
      : packSequences(sequences);
  // Segment 2p is the chosen completion of pair p, 2p + 1 the rejected one.
  const tokens = packed.segment_N.length;
  const weights = [new Float32Array(members.length * tokens), new Float32Array(members.length * tokens)] as const;
  packed.segment_N.forEach((segment, n) => {
    const { completion } = present(sequences[segment], 'a completion for each segment');
    weights[segment % 2 === 0 ? 0 : 1][(segment >> 1) * tokens + n] = options.logProbs === 'sum' ? 1 : 1 / completion.length;
  });
  const perPair = (value: (pair: TrainingPair) => number): HostTensor => f32Tensor([members.length], members.map(value));
  return {
    ids: packed.ids_BT,
    positions: packed.positions_BT,
    ...(packed.mask_BTT === undefined ? {} : { mask: packed.mask_BTT }),
    rows: packed.rows_N,
    targets: packed.targets_N,
    chosenWeights: f32Tensor([members.length, tokens], weights[0]),
    rejectedWeights: f32Tensor([members.length, tokens], weights[1]),
    referenceChosen: perPair((pair) => joinTokens(pair.referenceChosen, options.logProbs)),
    referenceRejected: perPair((pair) => joinTokens(pair.referenceRejected, options.logProbs)),
    pairWeights: perPair(() => 1 / pairs.length),
  };
}

function bothSequences({ prefix, chosen, rejected }: TrainingPair): readonly [Sequence, Sequence] {
  return [
    { prefix, completion: chosen },
    { prefix, completion: rejected },
  ];
}

function joinTokens(logProbs: readonly number[], how: 'sum' | 'mean'): number {
  const sum = logProbs.reduce((total, logProb) => total + logProb, 0);
  return how === 'sum' ? sum : sum / logProbs.length;
}

function outputAt(outputs: Readonly<Record<string, HostTensor>> | undefined, name: string, index: number): number {
  return Number(present(outputs?.[name]?.data[index], `the graph gives ${name}`));
}
