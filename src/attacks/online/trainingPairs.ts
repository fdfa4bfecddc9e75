/** Preference pairs as token ids, which is what a trainer takes. */
import { present } from '../../base/invariant.js';
import type { PreferencePair } from '../../dialogue/types.js';
import type { TrainingPair } from '../../learning/trainers/trainingData.js';
import type { Reference } from '../reference.js';

/** Pairs as ids: the context that sampling conditioned on, the generated ids, the frozen reference's log-probabilities.
 */
export async function trainingPairs(
  reference: Pick<Reference, 'logProbs'>,
  pairs: readonly PreferencePair[],
): Promise<readonly TrainingPair[]> {
  // An utterance of several pairs is one object.
  const utterances = [...new Set(pairs.flatMap(({ chosen, rejected }) => [chosen, rejected]))];
  const queries = utterances.map((utterance) => ({
    prefix: present(utterance.contextIds, 'a local adversary’s utterance has the ids that it was conditioned on'),
    utterance,
    completion: present(utterance.tokens, 'a local adversary’s utterance has ids').ids,
  }));
  const logProbs = await reference.logProbs(queries);
  const scored = new Map(
    utterances.map((utterance, i) => [
      utterance,
      {
        ...present(queries[i], 'a query for each utterance'),
        reference: present(logProbs[i], 'log-probabilities for each query'),
      },
    ]),
  );
  return pairs.map((pair) => {
    const [chosen, rejected] = [
      present(scored.get(pair.chosen), 'scores of each utterance'),
      present(scored.get(pair.rejected), 'scores of each utterance'),
    ];
    return {
      prefix: chosen.prefix,
      chosen: chosen.completion,
      rejected: rejected.completion,
      referenceChosen: chosen.reference,
      referenceRejected: rejected.reference,
    };
  });
}
