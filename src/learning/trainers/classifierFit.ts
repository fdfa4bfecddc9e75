/** A whole fine-tuning of a classifier: epochs of shuffled batches, rare labels balanced, and what it learned measured
 *  on texts it has not seen. Batches depend on (seed, epoch) alone, so that a saved trainer goes on where it stopped,
 *  bit for bit. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { openStream, streamKey } from '../../base/random.js';
import { classify, classProbabilities, type SequenceClassifier } from '../../engine/models/sequenceClassifier.js';
import { type AdamwConfig, defaultAdamw } from '../../engine/optim/adamw.js';
import { rocAuc } from '../../stats/classification.js';
import { createClassifierTrainer, type ClassifierTrainer, type ClassifierExample } from './classifier.js';

/** How rare labels are made up for: not; by factors in the loss; or by showing their texts as often as the commonest
 *  label's. */
export type Balance = 'none' | 'weights' | 'repeat';

export interface FitOptions {
  readonly epochs: number;
  readonly batchTexts: number;
  readonly balance: Balance;
  readonly seed: number;
  /** At its height; it falls linearly to 0 after the warm-up. */
  readonly learningRate: number;
  /** Share of all steps over which the learning rate rises, in [0, 1]. */
  readonly warmup: number;
  readonly weightDecay: number;
  readonly microbatchTokens: number;
}

const defaultFit: FitOptions = {
  epochs: 3,
  batchTexts: 16,
  balance: 'none',
  seed: 0,
  learningRate: 5e-5,
  warmup: 0.1,
  weightDecay: 0.01,
  microbatchTokens: 1024,
};

export interface FitStep {
  /** From 1, over all sessions. */
  readonly step: number;
  readonly steps: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly trainer: ClassifierTrainer;
}

export interface FitHooks {
  /** A folder that `ClassifierTrainer.save` filled under the same texts and options: training goes on after its step.
   */
  readonly resume?: string;
  readonly onStep?: (step: FitStep) => Promise<void> | void;
}

/** Trains the model in place.
 *  @param model trainable
 *  @throws ConfigError without texts, or when a label is wanted of none and must be balanced */
export async function fitClassifier(
  model: SequenceClassifier,
  texts: readonly ClassifierExample[],
  { resume, onStep, ...given }: Partial<FitOptions> & FitHooks = {},
): Promise<void> {
  const options = { ...defaultFit, ...given };
  const { epochs, batchTexts, balance, seed, microbatchTokens } = options;
  if (texts.length === 0)
    throw new ConfigError('Nothing to learn from', { where: 'texts', expected: 'at least one labelled text' });
  const { isMultiLabel } = model.architecture;
  const epochOf = (epoch: number): readonly number[] =>
    epochOrder(texts, { seed, epoch, repeats: balance === 'repeat', isMultiLabel });
  const stepsPerEpoch = Math.ceil(epochOf(0).length / batchTexts);
  const steps = epochs * stepsPerEpoch;
  const labelWeights = balance === 'weights' ? balancingWeights(texts, model) : null;
  const trainer = await createClassifierTrainer(model, {
    microbatchTokens,
    labelWeights,
    optimizer: optimizerOf(options, steps),
  });
  try {
    if (resume !== undefined) await trainer.load(resume);
    while (trainer.step() < steps) {
      const order = epochOf(Math.floor(trainer.step() / stepsPerEpoch));
      for (let start = (trainer.step() % stepsPerEpoch) * batchTexts; start < order.length; start += batchTexts) {
        const batch = order
          .slice(start, start + batchTexts)
          .map((index) => present(texts[index], 'an epoch holds indices of texts'));
        const metrics = await trainer.train(batch);
        await onStep?.({ step: trainer.step(), steps, metrics, trainer });
      }
    }
  } finally {
    await trainer.release();
  }
}

function optimizerOf({ learningRate, warmup, weightDecay }: FitOptions, totalSteps: number): AdamwConfig {
  return {
    ...defaultAdamw,
    learningRate,
    weightDecay,
    schedule: { kind: 'linear', warmupSteps: Math.ceil(totalSteps * warmup), totalSteps },
  };
}

/** Indices of the texts in the order of one epoch; where rare groups repeat, every group comes as often as the largest.
 */
export function epochOrder(
  texts: readonly ClassifierExample[],
  {
    seed,
    epoch,
    repeats,
    isMultiLabel,
  }: { readonly seed: number; readonly epoch: number; readonly repeats: boolean; readonly isMultiLabel: boolean },
): readonly number[] {
  const stream = openStream(streamKey(seed, 'classifier.epoch', epoch));
  const all = texts.map((_, index) => index);
  if (!repeats) return stream.shuffle(all);
  const groups = new Map<number, number[]>();
  texts.forEach((text, index) => {
    const group = groupOf(text, isMultiLabel);
    groups.set(group, [...(groups.get(group) ?? []), index]);
  });
  const most = Math.max(...[...groups.values()].map(({ length }) => length));
  return stream.shuffle(
    [...groups]
      .sort(([a], [b]) => a - b)
      .flatMap(([, members]) => {
        const shuffled = stream.shuffle(members);
        return Array.from({ length: most }, (_, i) => present(shuffled[i % shuffled.length], 'a group has a member'));
      }),
  );
}

/** The likeliest label; of multi-label, whether any label holds. */
function groupOf({ wanted }: ClassifierExample, isMultiLabel: boolean): number {
  return isMultiLabel ? Number(wanted.some((p) => p > 0.5)) : wanted.indexOf(Math.max(...wanted));
}

/** Texts / (labels · texts of the label); of multi-label, texts without the label / texts with it.
 *  @throws ConfigError when a label is wanted of no text */
export function balancingWeights(
  texts: readonly ClassifierExample[],
  { labels, architecture }: Pick<SequenceClassifier, 'labels' | 'architecture'>,
): readonly number[] {
  return labels.map((label, i) => {
    const held = texts.reduce((sum, { wanted }) => sum + (wanted[i] ?? 0), 0);
    if (held === 0)
      throw new ConfigError('A label without a text cannot be balanced', {
        where: label,
        expected: 'at least one text of this label',
      });
    return architecture.isMultiLabel ? (texts.length - held) / held : texts.length / (labels.length * held);
  });
}

export interface ClassifierQuality {
  readonly texts: number;
  /** Share of texts whose likeliest label is the wanted one; of multi-label, share of labels on the right side of one
   *  half. */
  readonly accuracy: number;
  /** By label, one against the rest; null where all texts have it or none has. */
  readonly rocAuc: Readonly<Record<string, number | null>>;
}

/** Evaluates the model on labelled texts. @throws ConfigError without texts */
export async function evaluateClassifier(
  model: SequenceClassifier,
  texts: readonly ClassifierExample[],
): Promise<ClassifierQuality> {
  if (texts.length === 0)
    throw new ConfigError('Nothing to measure on', { where: 'texts', expected: 'at least one labelled text' });
  const { isMultiLabel } = model.architecture;
  const rows = (
    await classify(
      model,
      texts.map(({ ids }) => ids),
    )
  ).map((logits) => classProbabilities(logits, isMultiLabel));
  const right = texts.map(({ wanted }, n) => {
    const row = present(rows[n], 'every text has probabilities');
    if (!isMultiLabel) return Number(row.indexOf(Math.max(...row)) === wanted.indexOf(Math.max(...wanted)));
    return wanted.filter((p, i) => p > 0.5 === (row[i] ?? 0) > 0.5).length / wanted.length;
  });
  return {
    texts: texts.length,
    accuracy: right.reduce((sum, share) => sum + share, 0) / texts.length,
    rocAuc: Object.fromEntries(
      model.labels.map((label, i) => {
        const held = texts.map(({ wanted }) => (wanted[i] ?? 0) > 0.5);
        const decided = held.includes(true) && held.includes(false);
        return [
          label,
          decided
            ? rocAuc(
                held,
                rows.map((row) => row[i] ?? 0),
              )
            : null,
        ];
      }),
    ),
  };
}
