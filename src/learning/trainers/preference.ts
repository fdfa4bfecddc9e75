/** Preference training (IPO, DPO, CTB, ADPO) of a language model on pairs with known reference log-probabilities.
 *
 *  One optimizer step a batch. The completions of a pair share one row, and pairs with a common history share it as
 *  well, so that a prefix is computed once (`sharedRows.ts`); `rows: 'separate'` computes every completion in a row of
 *  its own and serves as the definition that the fast path is tested against. Log names are TRL's; of the toxic
 *  completion they are made alike. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import { traceTokenLogProbs } from '../../engine/models/tokenLogProbs.js';
import { type AdamwConfig, defaultAdamw } from '../../engine/optim/adamw.js';
import { add, matmul, mul, reduceSum, reshape, sub } from '../../engine/tensor/ops/all.js';
import type { Value } from '../../engine/tensor/value.js';
import {
  type AdpoObjective,
  preferenceFormula,
  type PreferenceObjective,
  readsMargin,
  readsToxic,
} from '../formulas/preference.js';
import { traced } from '../formulas/traceArithmetic.js';
import { meanByName } from './meanByName.js';
import { cutPairs, joinTokens, meanFactor, pairFeeds, type PairPacking } from './pairFeeds.js';
import type { TrainingPair } from './trainingData.js';
import { tokenInputs } from './tokenInputs.js';
import { createWeightTrainer, type LossBuilder, scalarOf, type WeightTrainer } from './weightTrainer.js';

/** How an objective is trained. */
export interface PreferenceTraining {
  /** Weight, ≥ 0, of −(mean over tokens of log π(chosen)) beside each pair's loss: it keeps the chosen completion's
   *  likelihood up. RPO, arXiv 2404.19733, averages over a pair's tokens as we do; TRL's `sft` term averages over the
   *  tokens of the batch. */
  readonly nll: number;
  /** Weight, ≥ 0, of the mean over an anchor's tokens of (log π − its reference)², nats², beside each pair's loss: what
   *  the anchors say stays as likely as it was. Unlike more imitation it is at rest where nothing has changed. Our own
   *  addition. */
  readonly anchor: number;
  /** How a completion's tokens are joined: ASTPrompter and TRL's online trainer sum; TRL's offline one sums for DPO,
   *  averages for IPO. */
  readonly logProbs: 'sum' | 'mean';
  readonly rows: 'shared' | 'separate';
  /** Tokens, padding included, computed at once. */
  readonly microbatchTokens: number;
  readonly optimizer: AdamwConfig;
}

/** The objective's β (and γ) are in 1/nats and do not carry over between `sum` and `mean`. */
export type PreferenceOptions = PreferenceObjective & PreferenceTraining;

export const defaultPreference = {
  loss: 'ipo',
  beta: 0.05,
  nll: 0,
  anchor: 0,
  logProbs: 'sum',
  rows: 'shared',
  microbatchTokens: 1024,
  optimizer: { ...defaultAdamw, learningRate: 1e-4, schedule: { kind: 'constant', warmupSteps: 8 } },
} as const satisfies PreferenceOptions;

/** β and γ of arXiv 2405.12900. */
const defaultAdpo: AdpoObjective = { loss: 'adpo', form: 'joint', beta: 0.3, gamma: 0.2, lambda: 1 };

export interface PreferenceTrainer extends Pick<WeightTrainer, 'step' | 'save' | 'load' | 'release'> {
  /** One optimizer step on one batch of pairs. Returns what is logged: loss, learning_rate, grad_norm, and by TRL's
   *  names rewards/chosen, rewards/rejected (β · (log π − log π_ref)), rewards/margins, rewards/accuracies,
   *  logps/chosen, logps/rejected; rewards/toxic, logps/toxic where the objective reads toxic replies; nll_loss where
   *  it has a weight (mean over pairs, nats per token); anchor_loss likewise, weight included.
   *  @throws ConfigError for a pair without the toxic reply or the margin that the objective reads, or without its
   *    anchor */
  readonly train: (pairs: readonly TrainingPair[]) => Promise<Readonly<Record<string, number>>>;
}

/** @throws ConfigError when beta is not positive, or another weight is negative */
export async function createPreferenceTrainer(
  model: LanguageModel,
  options: Partial<PreferenceOptions> = {},
): Promise<PreferenceTrainer> {
  const resolved = resolvePreference(options);
  const packing: PairPacking = { ...resolved, toxic: readsToxic(resolved), margin: readsMargin(resolved) };
  const trainer = await createWeightTrainer(model, preferenceLoss(resolved), resolved.optimizer);
  return {
    step: trainer.step,
    save: trainer.save,
    load: trainer.load,
    release: trainer.release,
    train: async (pairs) => {
      const microbatches = cutPairs(pairs, packing);
      const { report, outputs } = await trainer.update(microbatches.map((rows) => pairFeeds(rows, pairs, packing)));
      const policy: PolicyLogProbs[] = pairs.map(() => ({ chosen: 0, rejected: 0 }));
      microbatches.forEach((rows, m) => {
        rows.flat().forEach((pair, i) => {
          const read = (name: string): number =>
            Number(present(outputs[m]?.[name]?.data[i], `the graph gives ${name}`));
          policy[pair] = {
            chosen: read('policyChosen'),
            rejected: read('policyRejected'),
            ...(packing.toxic ? { toxic: read('policyToxic') } : {}),
          };
        });
      });
      return {
        loss: report.loss,
        learning_rate: report.learningRate,
        grad_norm: report.gradientNorm,
        ...preferenceMetrics(pairs, policy, resolved),
        ...(resolved.anchor > 0
          ? { anchor_loss: outputs.reduce((sum, each) => sum + scalarOf(each, 'anchorLoss'), 0) }
          : {}),
      };
    },
  };
}

/** inputs   ids i64 [B, T] · positions i64 [B, T] · mask bool [B, T, T] (shared rows only) · rows, targets i64 [N]
 *           chosenWeights, rejectedWeights f32 [P, N] (what joins tokens to completions) · referenceChosen, referenceRejected,
 *           pairWeights f32 [P] (1 / pairs of the whole batch) · toxicWeights, referenceToxic likewise, where the objective reads them
 *           soughtMargin f32 [P], where the objective reads it
 *           anchorWeights, anchorReference f32 [N] (zero for tokens of no anchor), where anchor has a weight
 *           chosenMeans f32 [P] (what turns log π(chosen) into a mean over tokens), where nll has a weight
 *  outputs  loss [] · policyChosen, policyRejected and, where it is read, policyToxic [P], nats · anchorLoss [], where it has a weight */
export function preferenceLoss(
  options: PreferenceObjective & Pick<PreferenceTraining, 'rows' | 'nll' | 'anchor'>,
): LossBuilder {
  return (trace, architecture) => {
    const kind = options.rows === 'shared' ? 'masked' : 'causal';
    const tokenLogProbs_N = traceTokenLogProbs(architecture, tokenInputs(trace, kind));
    const column_N1 = reshape(tokenLogProbs_N, ['N', 1]);
    const join = (weights: string): Value => reshape(matmul(trace.input(weights, 'f32', ['P', 'N']), column_N1), ['P']);
    const perPair = (name: string): Value => trace.input(name, 'f32', ['P']);
    const policy = {
      policyChosen: join('chosenWeights'),
      policyRejected: join('rejectedWeights'),
      ...(readsToxic(options) ? { policyToxic: join('toxicWeights') } : {}),
    };
    const reference = {
      referenceChosen: perPair('referenceChosen'),
      referenceRejected: perPair('referenceRejected'),
      ...(readsToxic(options) ? { referenceToxic: perPair('referenceToxic') } : {}),
    };
    const margin = readsMargin(options) ? { soughtMargin: perPair('soughtMargin') } : {};
    const { loss } = preferenceFormula(traced, { ...policy, ...reference, ...margin }, options);
    const pairLosses =
      options.nll > 0 ? sub(loss, mul(mul(policy.policyChosen, perPair('chosenMeans')), options.nll)) : loss;
    const whole = reduceSum(mul(pairLosses, perPair('pairWeights')), [0]);
    if (options.anchor === 0) return { loss: whole, outputs: policy };
    const moved_N = sub(tokenLogProbs_N, trace.input('anchorReference', 'f32', ['N']));
    const anchorLoss = reduceSum(mul(mul(moved_N, moved_N), trace.input('anchorWeights', 'f32', ['N'])), [0]);
    return { loss: add(whole, anchorLoss), outputs: { ...policy, anchorLoss } };
  };
}

/** Joined log-probabilities of a pair's replies, nats. */
export interface PolicyLogProbs {
  readonly chosen: number;
  readonly rejected: number;
  readonly toxic?: number;
}

/** Means over the batch, on the host, from the log-probabilities that the policy gave. */
export function preferenceMetrics(
  pairs: readonly TrainingPair[],
  policy: readonly PolicyLogProbs[],
  { beta, logProbs, nll }: Pick<PreferenceOptions, 'beta' | 'logProbs' | 'nll'>,
): Readonly<Record<string, number>> {
  const rows = pairs.map((pair, i) => {
    const { chosen, rejected, toxic } = present(policy[i], 'a policy value for each pair');
    const reward = (value: number, reference: readonly number[]): number =>
      beta * (value - joinTokens(reference, logProbs));
    const [rewardChosen, rewardRejected] = [
      reward(chosen, pair.referenceChosen),
      reward(rejected, pair.referenceRejected),
    ];
    return {
      'rewards/chosen': rewardChosen,
      'rewards/rejected': rewardRejected,
      'rewards/margins': rewardChosen - rewardRejected,
      'rewards/accuracies': rewardChosen > rewardRejected ? 1 : 0,
      'logps/chosen': chosen,
      'logps/rejected': rejected,
      ...(toxic === undefined
        ? {}
        : { 'rewards/toxic': reward(toxic, pair.referenceToxic ?? []), 'logps/toxic': toxic }),
      ...(nll > 0 ? { nll_loss: -chosen * meanFactor(pair.chosen.length, logProbs) } : {}),
    };
  });
  return meanByName(rows, '');
}

/** Returns the options with their defaults. @throws ConfigError when beta is not positive, or another weight is negative */
export function resolvePreference(options: Partial<PreferenceOptions>): PreferenceOptions {
  const resolved: PreferenceOptions =
    options.loss === 'adpo'
      ? { ...defaultPreference, ...defaultAdpo, ...options }
      : { ...defaultPreference, ...options, loss: options.loss ?? defaultPreference.loss };
  const refuse = (name: string, expected: string, got: number): never => {
    throw new ConfigError(`${name} must be ${expected}`, { where: name, got: String(got) });
  };
  if (!(resolved.beta > 0)) refuse('beta', 'positive', resolved.beta);
  const { gamma, lambda } = resolved.loss === 'adpo' ? resolved : { gamma: 0, lambda: 0 };
  for (const [name, value] of Object.entries({ gamma, lambda, nll: resolved.nll, anchor: resolved.anchor })) {
    if (!(value >= 0)) refuse(name, 'zero or positive', value);
  }
  return resolved;
}
