/** Fine-tuning of a sequence classifier, decoder or encoder. Labels that exclude each other: cross-entropy between
 *  wanted and predicted class probabilities. Labels that do not (multi-label): binary cross-entropy of each. Wanted
 *  probabilities may be soft. Dropout is not applied.
 *
 *  Both losses are one: a binary cross-entropy with logit z is the cross-entropy of two classes with logits z and 0. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { saveAdapter } from '../../engine/models/adapters/adapter.js';
import {
  classifierParameters,
  saveSequenceClassifier,
  traceClassLogits,
  type SequenceClassifier,
} from '../../engine/models/sequenceClassifier.js';
import { packTexts } from '../../engine/models/textBatch.js';
import { type AdamwConfig, defaultAdamw } from '../../engine/optim/adamw.js';
import { f32Tensor, type HostTensor } from '../../engine/runtime/hostTensor.js';
import { logSumExp, mul, neg, pad, reduceSum, reshape, sub } from '../../engine/tensor/ops/all.js';
import type { Trace } from '../../engine/tensor/value.js';
import { planMicrobatches } from './microbatches.js';
import { createTrainer, type LossGraph, type TrainedModel, type WeightTrainer } from './weightTrainer.js';

export interface ClassifierExample {
  /** With the special tokens of the model; at most its context. */
  readonly ids: readonly number[];
  /** Wanted probability of each label, in [0, 1]; they sum to 1 where labels exclude each other. */
  readonly wanted: readonly number[];
}

export interface ClassifierOptions {
  /** Tokens, padding included, computed at once. */
  readonly microbatchTokens: number;
  readonly optimizer: AdamwConfig;
  /** Factor of each label in the loss, where it is wanted; null = 1. As `weight` of torch's CrossEntropyLoss (the mean
   *  is weighted too), and as `pos_weight` of BCEWithLogitsLoss. */
  readonly labelWeights: readonly number[] | null;
}

const defaultClassifier: ClassifierOptions = {
  microbatchTokens: 4096,
  optimizer: { ...defaultAdamw, learningRate: 5e-5, weightDecay: 0.01 },
  labelWeights: null,
};

export interface ClassifierTrainer extends Pick<WeightTrainer, 'step' | 'save' | 'load' | 'release'> {
  /** One optimizer step on one batch. The loss is the (weighted) mean over its texts, nats; of multi-label also over
   *  the labels.
   *  @throws ConfigError for a text without a number for each label */
  readonly train: (texts: readonly ClassifierExample[]) => Promise<Readonly<Record<string, number>>>;
}

/** Trains all weights, or an adapter and the head where the model has one. @param model trainable */
export async function createClassifierTrainer(
  model: SequenceClassifier,
  options: Partial<ClassifierOptions> = {},
): Promise<ClassifierTrainer> {
  const { microbatchTokens, optimizer, labelWeights } = { ...defaultClassifier, ...options };
  const { device, weights, architecture, adapter, labels } = model;
  const factors = labelWeights ?? labels.map(() => 1);
  requireLabels(factors, labels, 'labelWeights');
  const trained: TrainedModel =
    adapter === null
      ? {
          device,
          weights,
          parameters: classifierParameters(architecture),
          save: (folder) => saveSequenceClassifier(model, folder),
        }
      : {
          device,
          ...adapter,
          frozen: [weights],
          part: 'adapter',
          save: (folder) => saveAdapter(device, adapter, folder),
        };
  const trainer = await createTrainer(trained, (trace) => classifierLoss(trace, model), optimizer);
  const { base, isMultiLabel } = architecture;
  const feeds = (texts: readonly ClassifierExample[], scale: number): Readonly<Record<string, HostTensor>> => {
    const shares = texts.flatMap(({ wanted }) =>
      wanted.flatMap((p, i) => sharesOf(p, factors[i] ?? 1, isMultiLabel).map((share) => share * scale)),
    );
    const wanted = f32Tensor([texts.length, labels.length, ...(isMultiLabel ? [2] : [])], Float32Array.from(shares));
    return {
      ...packTexts(
        texts.map(({ ids }) => ids),
        base,
        base.classifier.pooling,
      ),
      wanted,
    };
  };
  return {
    step: trainer.step,
    save: trainer.save,
    load: trainer.load,
    release: trainer.release,
    train: async (texts) => {
      texts.forEach(({ wanted }, index) => requireLabels(wanted, labels, `text ${String(index)}`));
      const total = isMultiLabel
        ? texts.length * labels.length
        : texts.reduce((sum, { wanted }) => sum + wanted.reduce((part, p, i) => part + p * (factors[i] ?? 1), 0), 0);
      const plan = planMicrobatches(
        texts.map(({ ids }) => ids.length),
        microbatchTokens,
      );
      const { report } = await trainer.update(
        plan.map((members) =>
          feeds(
            members.map((i) => present(texts[i], 'a text')),
            1 / total,
          ),
        ),
      );
      return { loss: report.loss, learning_rate: report.learningRate, grad_norm: report.gradientNorm };
    },
  };
}

/** inputs of the text batch (textBatch.ts) · wanted f32 [B, labels], or [B, labels, 2] (holds, does not) of
 *  multi-label: shares of the loss output loss [] */
function classifierLoss(trace: Trace, { architecture, labels }: SequenceClassifier): LossGraph {
  const logits_BL = traceClassLogits(architecture, trace);
  const count = labels.length;
  const shape = architecture.isMultiLabel ? ['B', count, 2] : ['B', count];
  const wanted = trace.input('wanted', 'f32', shape);
  const logits = architecture.isMultiLabel ? pad(reshape(logits_BL, ['B', count, 1]), 2, 0, 1) : logits_BL;
  const axes = shape.map((_, axis) => axis);
  // Σ wanted · (logit − logsumexp), where each row of logits counts as much as is wanted of it.
  const picked = reduceSum(mul(wanted, logits), axes);
  const normaliser = reduceSum(mul(reduceSum(wanted, [-1]), logSumExp(logits)), axes.slice(0, -1));
  return { loss: neg(sub(picked, normaliser)), outputs: {} };
}

function sharesOf(wanted: number, factor: number, isMultiLabel: boolean): readonly number[] {
  return isMultiLabel ? [wanted * factor, 1 - wanted] : [wanted * factor];
}

function requireLabels(values: readonly number[], labels: readonly string[], where: string): void {
  if (values.length !== labels.length || !values.every((value) => Number.isFinite(value) && value >= 0)) {
    throw new ConfigError('Not a number for each label', {
      where,
      expected: `${String(labels.length)} numbers ≥ 0, for ${labels.join(', ')}`,
      got: values.join(', '),
    });
  }
}
