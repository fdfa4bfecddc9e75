/** The recipe's speakers as training rollouts play them: on the same weights, with another sampler or precision. */
import { countSpeaker, type Spending } from '../base/spending.js';
import type { Recipe } from '../recipe/recipe.js';
import { createLanguageModelAdversary, type LanguageModelAdversary } from '../speakers/adversaries/languageModel.js';
import type { SpeakerSampling } from '../speakers/generation.js';
import { createLocalTarget, type LocalTarget } from '../speakers/targets/local.js';
import { speakerOptions } from '../speakers/speakerOptions.js';

/** Returns the behaviour policy of training rollouts: the adversary itself unless the recipe gives exploration settings
 *  or a precision of its own. */
export function createBehaviourPolicy(
  adversary: LanguageModelAdversary,
  sampling: Partial<SpeakerSampling>,
  recipe: Recipe,
  spending: Spending,
): LanguageModelAdversary {
  const precision = recipe.adversary.rolloutPrecision;
  if (Object.keys(sampling).length === 0 && precision === 'f32') return adversary;
  const options = speakerOptions(recipe.adversary);
  return createLanguageModelAdversary(adversary.model, {
    ...options,
    precision,
    onSpoken: countSpeaker(spending, 'adversary'),
    sampling: { ...options.sampling, ...sampling },
  });
}

/** Returns the target of training rollouts: the target itself unless the recipe gives it another precision. */
export function rolloutTargetOf(target: LocalTarget, { target: options }: Recipe, spending: Spending): LocalTarget {
  const { precision } = options;
  return precision === 'f32'
    ? target
    : createLocalTarget(target.model, {
        ...speakerOptions(options),
        precision,
        onSpoken: countSpeaker(spending, 'target'),
      });
}
