/** REINFORCE with a leave-one-out baseline (RLOO): the clipped policy loss over whole completions. Baselines and penalties
 *  are the caller's (`formulas/advantages.ts`). Log names are those of TRL ≤ 0.21's RLOOTrainer.
 *  Source: arXiv 2402.14740; trl 1.16 `RLOOTrainer._compute_loss`. */
import { sumOf } from '../../base/sums.js';
import { present } from '../../base/invariant.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import type { Sequence } from '../../engine/models/packSequences.js';
import { traceTokenLogProbs } from '../../engine/models/tokenLogProbs.js';
import { type AdamwConfig, defaultAdamw } from '../../engine/optim/adamw.js';
import { f32Tensor } from '../../engine/runtime/hostTensor.js';
import { matmul, mul, reduceSum, reshape } from '../../engine/tensor/ops/all.js';
import { clippedPolicyLoss } from '../formulas/policyGradient.js';
import { traced } from '../formulas/traceArithmetic.js';
import { bySequence, cutDrawn, type DrawnMicrobatch, type DrawnPacking, rowKindOf } from './drawnBatches.js';
import { meanByName } from './meanByName.js';
import { tokenInputs } from './tokenInputs.js';
import { createWeightTrainer, type LossBuilder, type WeightTrainer } from './weightTrainer.js';

/** A completion that the policy drew. */
export interface RlooSample extends Sequence {
  /** log π of each token when it was drawn, nats. */
  readonly oldLogProbs: readonly number[];
  readonly advantage: number;
}

export interface RlooTraining extends DrawnPacking {
  /** The ratio of a completion is clipped to 1 ± this, in (0, 1). */
  readonly clip: number;
  readonly optimizer: AdamwConfig;
}

export const defaultRloo: RlooTraining = {
  clip: 0.2,
  rows: 'shared',
  microbatchTokens: 1024,
  optimizer: { ...defaultAdamw, learningRate: 1e-5 },
};

export interface RlooTrainer extends Pick<WeightTrainer, 'step' | 'save' | 'load' | 'release'> {
  /** One optimizer step on one batch; the loss is the mean over its completions. Returns what is logged: loss,
   *  learning_rate, grad_norm, policy/approxkl_avg (½ Δ² against the policy that drew), policy/clipfrac_avg, val/ratio.
   *  @throws ConfigError for a completion without a prefix */
  readonly train: (samples: readonly RlooSample[]) => Promise<Readonly<Record<string, number>>>;
}

/** @param model trainable */
export async function createRlooTrainer(
  model: LanguageModel,
  options: Partial<RlooTraining> = {},
): Promise<RlooTrainer> {
  const training = { ...defaultRloo, ...options };
  const trainer = await createWeightTrainer(model, rlooLoss(training), training.optimizer);
  return {
    step: trainer.step,
    save: trainer.save,
    load: trainer.load,
    release: trainer.release,
    train: async (samples) => {
      const microbatches = cutDrawn(samples, training);
      const { report, outputs } = await trainer.update(microbatches.map((part) => rlooFeeds(part, samples)));
      const logProbs = bySequence(samples.length, microbatches, outputs, 'logProbs');
      return {
        loss: report.loss,
        learning_rate: report.learningRate,
        grad_norm: report.gradientNorm,
        ...ratioMetrics(
          samples.map(({ oldLogProbs, advantage }, i) => ({
            change: sumOf(present(logProbs[i], 'log-probabilities of each completion')) - sumOf(oldLogProbs),
            advantage,
          })),
          training.clip,
        ),
      };
    },
  };
}

/** inputs  those of `tokenInputs` · members f32 [S, N] (1 where the token is of the completion) · oldLogProbs, advantages,
 *          weights f32 [S] (1 / completions of the whole batch)
 *  outputs loss [] · logProbs f32 [N], nats */
function rlooLoss(options: Pick<RlooTraining, 'clip' | 'rows'>): LossBuilder {
  return (trace, architecture) => {
    const logProbs = traceTokenLogProbs(architecture, tokenInputs(trace, rowKindOf(options)));
    const members_SN = trace.input('members', 'f32', ['S', 'N']);
    const losses_S = clippedPolicyLoss(
      traced,
      {
        logProb: reshape(matmul(members_SN, reshape(logProbs, ['N', 1])), ['S']),
        oldLogProb: trace.input('oldLogProbs', 'f32', ['S']),
        advantage: trace.input('advantages', 'f32', ['S']),
      },
      options.clip,
    );
    return { loss: reduceSum(mul(losses_S, trace.input('weights', 'f32', ['S'])), [0]), outputs: { logProbs } };
  };
}

/** Returns the inputs that `rlooLoss` lists. */
function rlooFeeds(
  { feeds, items, tokens }: DrawnMicrobatch,
  samples: readonly RlooSample[],
): DrawnMicrobatch['feeds'] {
  const place = new Map(items.map((item, s) => [item, s]));
  const members = new Float32Array(items.length * tokens.length);
  tokens.forEach(({ item }, n) => (members[present(place.get(item), 'an item') * tokens.length + n] = 1));
  const perSample = (value: (sample: RlooSample) => number): ReturnType<typeof f32Tensor> =>
    f32Tensor(
      [items.length],
      items.map((item) => value(present(samples[item], 'a sample'))),
    );
  return {
    ...feeds,
    members: f32Tensor([items.length, tokens.length], members),
    oldLogProbs: perSample(({ oldLogProbs }) => sumOf(oldLogProbs)),
    advantages: perSample(({ advantage }) => advantage),
    weights: perSample(() => 1 / samples.length),
  };
}

/** Means over tokens or completions.
 *  @param changes log π / π_old of each, nats, before the step, and its advantage */
export function ratioMetrics(
  changes: readonly { readonly change: number; readonly advantage: number }[],
  clip: number,
): Readonly<Record<string, number>> {
  return meanByName(
    changes.map(({ change, advantage }) => {
      const ratio = Math.exp(change);
      const isClipped = (ratio < 1 - clip && advantage < 0) || (ratio > 1 + clip && advantage > 0);
      return { 'policy/approxkl_avg': change ** 2 / 2, 'policy/clipfrac_avg': Number(isClipped), 'val/ratio': ratio };
    }),
    '',
  );
}
