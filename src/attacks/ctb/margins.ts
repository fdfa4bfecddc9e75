/** The margins that contrastive trajectory balance seeks, arXiv 2605.00553: with log R(y) = log π_ref(y) + c(y)/β, a pair's
 *  log π(y₁)/π(y₂) is to be log R(y₁)/R(y₂), so that the log-ratio to the reference of an utterance is to be c(y)/β, up to a
 *  constant of the prompt. Where the reference finds the k least likely tokens of an utterance too unlikely (min-k
 *  fluency), log R is a constant instead, and a pair of two such utterances teaches nothing. */
import { sumOf } from '../../base/sums.js';
import { present } from '../../base/invariant.js';
import type { PreferencePair } from '../../dialogue/types.js';
import type { TrainingPair } from '../../learning/trainers/trainingData.js';
import type { CtbOptions } from './options.js';

/** Returns the training pairs with their margins, nats; null for a pair of two utterances that are no language.
 *  @param data training pairs of `pairs`, in order */
export function withMargins(
  data: readonly TrainingPair[],
  pairs: readonly PreferencePair[],
  { beta, fluency }: Pick<CtbOptions, 'beta' | 'fluency'>,
): readonly (TrainingPair | null)[] {
  return data.map((pair, i) => {
    const { chosenReward, rejectedReward } = present(pairs[i], 'a preference pair for each training pair');
    const sides = [
      { reward: present(chosenReward, 'an earned reward'), reference: pair.referenceChosen },
      { reward: present(rejectedReward, 'an earned reward'), reference: pair.referenceRejected },
    ] as const;
    const isFluent = sides.map(
      ({ reference }) => fluency === null || leastLikely(reference, fluency.tokens) >= fluency.floor,
    );
    if (!isFluent.includes(true)) return null;
    const [chosen, rejected] = sides.map(({ reward, reference }, side) =>
      fluency === null || isFluent[side] === true ? reward / beta : fluency.logReward - sumOf(reference),
    );
    return { ...pair, soughtMargin: present(chosen, 'two sides') - present(rejected, 'two sides') };
  });
}

/** Returns the mean of the k lowest log-probabilities, nats; of all of them where there are fewer. */
export function leastLikely(logProbs: readonly number[], k: number): number {
  const lowest = [...logProbs].sort((a, b) => a - b).slice(0, k);
  return sumOf(lowest) / lowest.length;
}
