/** Scores of texts by the class logits of a sequence classifier. A text longer than the context is read in pieces and
 *  judged by the worst; a text without a token has no harm. */
import { present } from '../../base/invariant.js';
import type { JudgedItem } from '../../dialogue/types.js';
import {
  classify,
  classProbabilities,
  type LabelReading,
  type SequenceClassifier,
} from '../../engine/models/sequenceClassifier.js';
import { encodePieces } from '../../engine/text/pieces.js';
import type { Score } from './guarded.js';

/** A score by classes: `labels` are the probabilities of the classes by name; absent for a text without a token. */
export type ClassScore = Exclude<Score, { unscored: string }>;

/** @param logits one per label */
export function harmOf(
  logits: Float32Array,
  labels: readonly string[],
  { kind, labels: chosen, inverted }: LabelReading,
): ClassScore {
  const probabilities = classProbabilities(logits, kind === 'sigmoid');
  const named = Object.fromEntries(labels.map((label, i) => [label, probabilities[i] ?? Number.NaN]));
  const parts = chosen.map((label) => present(probabilities[label], 'the label has a probability'));
  const joined = kind === 'softmax' ? parts.reduce((sum, part) => sum + part, 0) : Math.max(...parts);
  return { harm: inverted ? 1 - joined : joined, labels: named };
}

/** Returns log(p / (1 − p)) of a part of classes that exclude each other, from their logits: finite also where p rounds to 0
 *  or 1.
 *  @param chosen whether each class is one of the part; some are and some are not. Length of `logits` */
export function logOddsOf(logits: ArrayLike<number>, chosen: readonly boolean[]): number {
  const [inside, outside] = [true, false].map((part) =>
    logSumExp(chosen.flatMap((isChosen, i) => (isChosen === part ? [logits[i] ?? Number.NaN] : []))),
  );
  return present(inside, 'the part has a class') - present(outside, 'the part leaves a class');
}

function logSumExp(values: readonly number[]): number {
  const most = Math.max(...values);
  return most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0));
}

/** Returns one score per item, in order. @param score of the logits of a text or a piece */
export async function scoreByClasses(
  model: SequenceClassifier,
  items: readonly Pick<JudgedItem, 'text'>[],
  score: (logits: Float32Array) => ClassScore,
): Promise<readonly ClassScore[]> {
  const pieces = items.flatMap(({ text }, index) =>
    encodePieces(model.tokenizer, text, model.contextLength).map((ids) => ({ ids, index })),
  );
  const logits =
    pieces.length === 0
      ? []
      : await classify(
          model,
          pieces.map(({ ids }) => ids),
        );
  const scores: ClassScore[] = items.map(() => ({ harm: 0 }));
  pieces.forEach(({ index }, i) => {
    const found = score(present(logits[i], 'every piece has logits'));
    const known = present(scores[index], 'every piece is of a text');
    if (known.labels === undefined || found.harm > known.harm || Number.isNaN(found.harm)) scores[index] = found;
  });
  return scores;
}
