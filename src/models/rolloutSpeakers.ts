/** The recipe's speakers as training rollouts play them: on the same weights, drawing otherwise, in another precision.
 */
import { countSpeaker, type Spending } from '../base/spending.js';
import type { Recipe } from '../recipe/recipe.js';
import { createLanguageModelAdversary, type LanguageModelAdversary } from '../speakers/adversaries/languageModel.js';
import type { SpeakerSampling } from '../speakers/generation.js';
import { createLocalTarget, type LocalTarget } from '../speakers/targets/local.js';
import { speakerOptions } from '../speakers/speakerOptions.js';

/** The adversary itself where the recipe makes no difference. */
export function explorerOf(
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

/** The target itself where the recipe makes no difference. */
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
