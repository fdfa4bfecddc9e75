/** How far a model has moved from its reference on preference pairs that it is not trained on: the picture of a
 *  training's stability. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import { scoreCompletions } from '../../engine/models/scoreCompletions.js';
import { meanByName } from './meanByName.js';
import { joinTokens } from './pairFeeds.js';
import type { TrainingPair } from './trainingData.js';

/** Means over pairs, whatever the objective sums or averages: kl/chosen, kl/rejected, kl/toxic (over the pairs that
 *  have one): log π(y|x) − log π_ref(y|x) of the whole reply, nats per reply; negative where the reply has lost
 *  probability. On replies that the policy itself sampled this is the k1 estimate of KL(π‖π_ref); these are given
 *  replies, so it is a log-ratio and estimates no divergence. rewards/accuracies: share of the pairs whose chosen reply
 *  has gained more than the rejected one.
 *  @throws ConfigError when there is no pair, or a reply does not fit the model */
export async function watchPreferences(
  model: LanguageModel,
  pairs: readonly TrainingPair[],
): Promise<Readonly<Record<string, number>>> {
  if (pairs.length === 0)
    throw new ConfigError('there are no pairs to watch', { expected: 'at least one held-out pair' });
  const replies = pairs.flatMap((pair) =>
    [pair.chosen, pair.rejected, pair.toxic ?? []].map((completion) => ({ prefix: pair.prefix, completion })),
  );
  const scored = await scoreCompletions(model, replies);
  const rows = pairs.map((pair, i) => {
    const ratio = (reply: number, reference: readonly number[]): number =>
      joinTokens([...present(scored[3 * i + reply], 'scores of each reply')], 'sum') - joinTokens(reference, 'sum');
    const [chosen, rejected] = [ratio(0, pair.referenceChosen), ratio(1, pair.referenceRejected)];
    return {
      'kl/chosen': chosen,
      'kl/rejected': rejected,
      ...(pair.toxic === undefined
        ? {}
        : { 'kl/toxic': ratio(2, present(pair.referenceToxic, 'a toxic reply has its reference')) }),
      'rewards/accuracies': chosen > rejected ? 1 : 0,
    };
  });
  return meanByName(rows, '');
}
