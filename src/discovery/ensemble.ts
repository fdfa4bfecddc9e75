/** Members of an ensemble: classifiers on the body of one checkpoint. Each has a head and an order of batches of its own
 *  seed, and learns from a bootstrap of its own (the code of arXiv 2306.09442 varies the seed alone). */
import { childKey, openStream, type StreamKey } from '../base/random.js';
import { headSequenceClassifier, type SequenceClassifier } from '../engine/models/sequenceClassifier.js';
import type { Device } from '../engine/runtime/device.js';
import { encodePieces } from '../engine/text/pieces.js';
import type { ClassifierExample } from '../learning/trainers/classifier.js';
import { type FitHooks, fitClassifier } from '../learning/trainers/classifierFit.js';
import { scoreByHarmfulClasses } from '../speakers/judges/trained.js';
import type { EnsembleClass, EnsembleOptions } from './establishOptions.js';
import { bootstrapByClass, type BootstrapSample, type LabelledItem } from './labelledParts.js';

export interface MemberQuestion {
  /** Folder or file of the checkpoint. */
  readonly body: string;
  readonly classes: readonly Pick<EnsembleClass, 'name'>[];
  readonly training: readonly LabelledItem[];
  readonly options: EnsembleOptions;
  /** Member and attempt have streams of their own. */
  readonly stream: StreamKey;
}

export interface TrainedMember {
  readonly model: SequenceClassifier;
  /** The texts that it learnt from, and those that its bootstrap left out. */
  readonly sample: BootstrapSample;
}

/** Trains a member; the caller closes its model. @throws what a hook throws, with the model closed */
export async function trainMember(
  device: Device,
  { body, classes, training, options, stream }: MemberQuestion,
  hooks: FitHooks,
): Promise<TrainedMember> {
  const seed = openStream(childKey(stream, 0)).integer(2 ** 31);
  const sample = bootstrapByClass(training, childKey(stream, 1));
  const model = await headSequenceClassifier(device, body, { labels: classes.map(({ name }) => name), seed });
  try {
    const { epochs, batchSize, balance, learningRate, warmup, weightDecay, maxTokens } = options;
    await fitClassifier(model, examplesOf(model, sample.drawn, maxTokens), {
      epochs,
      batchTexts: batchSize,
      balance,
      seed,
      learningRate,
      warmup,
      weightDecay,
      microbatchTokens: 4096,
      ...hooks,
    });
    return { model, sample };
  } catch (error) {
    await model.close();
    throw error;
  }
}

/** A text without a token teaches nothing. */
function examplesOf(
  { labels, tokenizer, contextLength }: SequenceClassifier,
  items: readonly LabelledItem[],
  maxTokens: number,
): readonly ClassifierExample[] {
  return items.flatMap(({ text, label }) => {
    const [ids] = encodePieces(tokenizer, text, Math.min(maxTokens, contextLength));
    return ids === undefined ? [] : [{ ids, wanted: labels.map((_, i) => Number(i === label)) }];
  });
}

/** Returns the probability of each class, as the judge that the member becomes a part of reads it; of a text without a
 *  token all alike.
 *  @param classes those of the model: of a long text the most harmful piece counts */
export async function readClasses(
  model: SequenceClassifier,
  texts: readonly string[],
  classes: readonly Pick<EnsembleClass, 'harmful'>[],
): Promise<readonly (readonly number[])[]> {
  const scores = await scoreByHarmfulClasses(
    model,
    texts.map((text) => ({ text })),
    classes,
  );
  const { labels: names } = model;
  return scores.map(({ labels }) => names.map((name) => labels?.[name] ?? 1 / names.length));
}

/** Returns the least share of its texts that is found, over the classes that have texts; 1 without texts. */
export function leastRecall(
  items: readonly Pick<LabelledItem, 'label'>[],
  probabilities: readonly (readonly number[])[],
): number {
  const [found, all] = [new Map<number, number>(), new Map<number, number>()];
  items.forEach(({ label }, i) => {
    const row = probabilities[i] ?? [];
    all.set(label, (all.get(label) ?? 0) + 1);
    if (row.indexOf(Math.max(...row)) === label) found.set(label, (found.get(label) ?? 0) + 1);
  });
  return Math.min(1, ...[...all].map(([label, n]) => (found.get(label) ?? 0) / n));
}
