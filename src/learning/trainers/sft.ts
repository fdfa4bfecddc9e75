/** Supervised fine-tuning: token cross-entropy on completions. Prefix and padding do not count. */
import { present } from '../../base/invariant.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import { packSequences } from '../../engine/models/packSequences.js';
import { traceTokenLogProbs } from '../../engine/models/tokenLogProbs.js';
import { type AdamwConfig, defaultAdamw } from '../../engine/optim/adamw.js';
import { f32Tensor, type HostTensor } from '../../engine/runtime/hostTensor.js';
import { mul, neg, reduceSum } from '../../engine/tensor/ops/all.js';
import { planMicrobatches } from './microbatches.js';
import type { TrainingExample } from './trainingData.js';
import { createWeightTrainer, type LossBuilder, type WeightTrainer } from './weightTrainer.js';

export interface SftOptions {
  /** Tokens, padding included, computed at once. */
  readonly microbatchTokens: number;
  readonly optimizer: AdamwConfig;
}

export const defaultSft: SftOptions = {
  microbatchTokens: 1024,
  optimizer: { ...defaultAdamw, learningRate: 5e-5, schedule: { kind: 'constant', warmupSteps: 8 } },
};

export interface SftTrainer extends Pick<WeightTrainer, 'step' | 'save' | 'load' | 'release'> {
  /** One optimizer step on one batch. The loss is the mean over all completion tokens of the batch, nats per token. */
  readonly train: (examples: readonly TrainingExample[]) => Promise<Readonly<Record<string, number>>>;
}

export async function createSftTrainer(model: LanguageModel, options: Partial<SftOptions> = {}): Promise<SftTrainer> {
  const { microbatchTokens, optimizer } = { ...defaultSft, ...options };
  const trainer = await createWeightTrainer(model, sftLoss, optimizer);
  return {
    step: trainer.step,
    save: trainer.save,
    load: trainer.load,
    release: trainer.release,
    train: async (examples) => {
      const tokens = examples.reduce((sum, { completion }) => sum + completion.length, 0);
      const plan = planMicrobatches(
        examples.map(({ prefix, completion }) => prefix.length + completion.length),
        microbatchTokens,
      );
      const { report } = await trainer.update(
        plan.map((members) =>
          exampleFeeds(
            members.map((i) => present(examples[i], 'an example')),
            tokens,
          ),
        ),
      );
      return { loss: report.loss, learning_rate: report.learningRate, grad_norm: report.gradientNorm, num_tokens: tokens };
    },
  };
}

/** inputs  ids, positions i64 [B, T] · rows, targets i64 [N] · tokenWeights f32 [N] (1 / completion tokens of the whole batch)
 *  output  loss [], nats per token */
export const sftLoss: LossBuilder = (trace, architecture) => {
  const logProbs_N = traceTokenLogProbs(architecture, {
    ids_BT: trace.input('ids', 'i64', ['B', 'T']),
    positions_BT: trace.input('positions', 'i64', ['B', 'T']),
    attention: { kind: 'causal' },
    rows_N: trace.input('rows', 'i64', ['N']),
    targets_N: trace.input('targets', 'i64', ['N']),
  });
  return { loss: neg(reduceSum(mul(logProbs_N, trace.input('tokenWeights', 'f32', ['N'])), [0])), outputs: {} };
};

function exampleFeeds(examples: readonly TrainingExample[], batchTokens: number): Readonly<Record<string, HostTensor>> {
  const packed = packSequences(examples);
  const count = packed.segment_N.length;
  return {
    ids: packed.ids_BT,
    positions: packed.positions_BT,
    rows: packed.rows_N,
    targets: packed.targets_N,
    tokenWeights: f32Tensor([count], new Float32Array(count).fill(1 / batchTokens)),
  };
}
