/** Supervised fine-tuning: token cross-entropy on completions. Prefix and padding do not count.
 *
 *  `rows: 'packed'` lays several examples in one row, each blind to the others and with positions from 0, so that
 *  little is padding; what examples begin with in common is computed once. It computes what `separate` does, which
 *  serves as its definition. */
import { present } from '../../base/invariant.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import { traceTokenLogProbs } from '../../engine/models/tokenLogProbs.js';
import { type AdamwConfig, defaultAdamw } from '../../engine/optim/adamw.js';
import { f32Tensor, type HostTensor } from '../../engine/runtime/hostTensor.js';
import { mul, neg, reduceSum } from '../../engine/tensor/ops/all.js';
import { fillRows, planMicrobatches } from './microbatches.js';
import { packRows, type RowKind, tokenInputs } from './tokenInputs.js';
import type { TrainingExample } from './trainingData.js';
import { createWeightTrainer, type LossBuilder, type WeightTrainer } from './weightTrainer.js';

export interface SftTraining {
  readonly rows: 'separate' | 'packed';
  /** Length up to which packed rows are filled; a longer example stands alone. Attention is computed between the
   *  strangers of a row as well, so that much longer rows cost more than padding does. */
  readonly rowTokens: number;
  /** Tokens, padding included, computed at once. */
  readonly microbatchTokens: number;
  readonly optimizer: AdamwConfig;
}

export const defaultSft: SftTraining = {
  rows: 'separate',
  rowTokens: 256,
  microbatchTokens: 1024,
  optimizer: { ...defaultAdamw, learningRate: 5e-5, schedule: { kind: 'constant', warmupSteps: 8 } },
};

export interface SftTrainer extends Pick<WeightTrainer, 'step' | 'save' | 'load' | 'release'> {
  /** One optimizer step on one batch. The loss is the mean over all completion tokens of the batch, nats per token. */
  readonly train: (examples: readonly TrainingExample[]) => Promise<Readonly<Record<string, number>>>;
}

export async function createSftTrainer(model: LanguageModel, options: Partial<SftTraining> = {}): Promise<SftTrainer> {
  const { rows, rowTokens, microbatchTokens, optimizer } = { ...defaultSft, ...options };
  const trainer = await createWeightTrainer(model, sftLoss(rows), optimizer);
  return {
    step: trainer.step,
    save: trainer.save,
    load: trainer.load,
    release: trainer.release,
    train: async (examples) => {
      const tokens = examples.reduce((sum, { completion }) => sum + completion.length, 0);
      const lengths = examples.map(({ prefix, completion }) => prefix.length + completion.length);
      const filled =
        rows === 'packed' ? fillRows(lengths, rowTokens) : lengths.map((length, i) => ({ items: [i], tokens: length }));
      const plan = planMicrobatches(
        filled.map((row) => row.tokens),
        microbatchTokens,
      );
      const microbatches = plan.map((members) =>
        members.map((row) => present(filled[row], 'a row').items.map((i) => present(examples[i], 'an example'))),
      );
      const { report } = await trainer.update(microbatches.map((members) => exampleFeeds(members, rows, tokens)));
      return {
        loss: report.loss,
        learning_rate: report.learningRate,
        grad_norm: report.gradientNorm,
        num_tokens: tokens,
      };
    },
  };
}

/** inputs  ids, positions i64 [B, T] · mask bool [B, T, T] (packed rows only) · rows, targets i64 [N] · tokenWeights f32 [N]
 *          (1 / completion tokens of the whole batch)
 *  output  loss [], nats per token */
function sftLoss(rows: SftTraining['rows']): LossBuilder {
  return (trace, architecture) => {
    const logProbs_N = traceTokenLogProbs(architecture, tokenInputs(trace, rowKind(rows)));
    return { loss: neg(reduceSum(mul(logProbs_N, trace.input('tokenWeights', 'f32', ['N'])), [0])), outputs: {} };
  };
}

/** @param rowsOfExamples the examples of each row */
function exampleFeeds(
  rowsOfExamples: readonly (readonly TrainingExample[])[],
  rows: SftTraining['rows'],
  batchTokens: number,
): Readonly<Record<string, HostTensor>> {
  const packed = packRows(rowsOfExamples, rowKind(rows));
  const count = packed.segment_N.length;
  return {
    ...packed.feeds,
    tokenWeights: f32Tensor([count], new Float32Array(count).fill(1 / batchTokens)),
  };
}

function rowKind(rows: SftTraining['rows']): RowKind {
  return rows === 'packed' ? 'masked' : 'causal';
}
