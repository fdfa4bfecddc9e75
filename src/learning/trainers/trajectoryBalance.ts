/** Trajectory balance of a language model: log π of whole completions against the log of their rewards, with log Z of each
 *  prompt read off its last state by a linear head that is trained beside the model. The loss holds for completions of any
 *  origin, so what was drawn long ago may be replayed. Source: arXiv 2405.18540. */
import { sumOf } from '../../base/sums.js';
import { present } from '../../base/invariant.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import type { Sequence } from '../../engine/models/packSequences.js';
import { traceTokens } from '../../engine/models/tokenLogProbs.js';
import { traceValues, type ValueHead } from '../../engine/models/valueHead.js';
import { type AdamwConfig, defaultAdamw } from '../../engine/optim/adamw.js';
import { f32Tensor } from '../../engine/runtime/hostTensor.js';
import { matmul, mul, reduceSum, reshape } from '../../engine/tensor/ops/all.js';
import type { Value } from '../../engine/tensor/value.js';
import { traced } from '../formulas/traceArithmetic.js';
import { trajectoryBalance } from '../formulas/trajectoryBalance.js';
import { bySequence, cutDrawn, type DrawnMicrobatch, type DrawnPacking, rowKindOf } from './drawnBatches.js';
import { tokenInputs } from './tokenInputs.js';
import { createWeightTrainer, type LossBuilder, type WeightTrainer } from './weightTrainer.js';

export interface BalanceSample extends Sequence {
  /** log R less whatever constant the caller takes from log Z, nats. */
  readonly logReward: number;
}

export interface BalanceTraining extends DrawnPacking {
  readonly optimizer: AdamwConfig;
}

const defaultBalance: BalanceTraining = {
  rows: 'shared',
  microbatchTokens: 1024,
  optimizer: { ...defaultAdamw, learningRate: 1e-4 },
};

export interface BalanceTrainer extends Pick<WeightTrainer, 'step' | 'save' | 'load' | 'release'> {
  /** One optimizer step on one batch; the loss is the mean over its completions. Returns what is logged: loss,
   *  learning_rate, grad_norm, balance/logZ and balance/logProb (means, nats, before the step).
   *  @throws ConfigError for a completion without a prefix */
  readonly train: (samples: readonly BalanceSample[]) => Promise<Readonly<Record<string, number>>>;
}

/** @param model trainable, with a value head, which estimates log Z */
export async function createBalanceTrainer(
  model: LanguageModel,
  options: Partial<BalanceTraining> = {},
): Promise<BalanceTrainer> {
  const training = { ...defaultBalance, ...options };
  const head = present(model.valueHead, 'trajectory balance trains a model with a value head');
  const trainer = await createWeightTrainer(model, balanceLoss(head, training), training.optimizer);
  return {
    step: trainer.step,
    save: trainer.save,
    load: trainer.load,
    release: trainer.release,
    train: async (samples) => {
      const microbatches = cutDrawn(samples, training);
      const { report, outputs } = await trainer.update(microbatches.map((part) => balanceFeeds(part, samples)));
      const logProbs = bySequence(samples.length, microbatches, outputs, 'logProbs');
      const values = bySequence(samples.length, microbatches, outputs, 'values');
      return {
        loss: report.loss,
        learning_rate: report.learningRate,
        grad_norm: report.gradientNorm,
        'balance/logZ': sumOf(values.map(([first]) => present(first, 'a value per completion'))) / samples.length,
        'balance/logProb': sumOf(logProbs.map(sumOf)) / samples.length,
      };
    },
  };
}

/** inputs  those of `tokenInputs` · members f32 [S, N] (1 where the token is of the completion) · firsts f32 [S, N] (1 at its
 *          first token, whose state is the prompt's last) · logRewards, weights f32 [S] (1 / completions of the whole batch)
 *  outputs loss [] · logProbs, values f32 [N] */
function balanceLoss(head: ValueHead, options: Pick<BalanceTraining, 'rows'>): LossBuilder {
  return (trace, architecture) => {
    const { logProbs_N, hidden_NC } = traceTokens(architecture, tokenInputs(trace, rowKindOf(options)));
    const values = traceValues(head, hidden_NC);
    const sums = (which: string, each_N: Value): Value =>
      reshape(matmul(trace.input(which, 'f32', ['S', 'N']), reshape(each_N, ['N', 1])), ['S']);
    const losses_S = trajectoryBalance(traced, {
      logZ: sums('firsts', values),
      logProb: sums('members', logProbs_N),
      logReward: trace.input('logRewards', 'f32', ['S']),
    });
    return {
      loss: reduceSum(mul(losses_S, trace.input('weights', 'f32', ['S'])), [0]),
      outputs: { logProbs: logProbs_N, values },
    };
  };
}

/** Returns the inputs that `balanceLoss` lists. */
function balanceFeeds(
  { feeds, items, tokens }: DrawnMicrobatch,
  samples: readonly BalanceSample[],
): DrawnMicrobatch['feeds'] {
  const row = new Map(items.map((item, s) => [item, s]));
  const dims = [items.length, tokens.length];
  const [members, firsts] = [
    new Float32Array(items.length * tokens.length),
    new Float32Array(items.length * tokens.length),
  ];
  tokens.forEach(({ item, place }, n) => {
    const at = present(row.get(item), 'an item') * tokens.length + n;
    members[at] = 1;
    if (place === 0) firsts[at] = 1;
  });
  const rewards = items.map((item) => present(samples[item], 'a sample').logReward);
  return {
    ...feeds,
    members: f32Tensor(dims, members),
    firsts: f32Tensor(dims, firsts),
    logRewards: f32Tensor([items.length], rewards),
    weights: f32Tensor(
      [items.length],
      items.map(() => 1 / samples.length),
    ),
  };
}
