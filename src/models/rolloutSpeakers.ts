/** The recipe's speakers as training rollouts play them: on the same weights, with another sampler or precision. */
import { countSpeaker, type SpeakerRole } from '../base/spending.js';
import { keepOrigin } from '../dialogue/origins.js';
import type { Recipe } from '../recipe/recipe.js';
import { createLanguageModelAdversary, type LanguageModelAdversary } from '../speakers/adversaries/languageModel.js';
import type { SpeakerSampling } from '../speakers/generation.js';
import type { LocalSpeakerOptions } from '../speakers/localSpeaker.js';
import { createLocalTarget, type LocalTarget, type LocalTargetOptions } from '../speakers/targets/local.js';
import { speakerOptions } from '../speakers/speakerOptions.js';
import { behaviourOrigin } from './castOrigins.js';
import type { RequestOptions } from './remoteSpeakers.js';

/** Returns the behaviour policy of training rollouts: the adversary itself unless the recipe gives exploration settings
 *  or a precision of its own. */
export function createBehaviourPolicy(
  adversary: LanguageModelAdversary,
  sampling: Partial<SpeakerSampling>,
  recipe: Recipe,
  requests: SpeakerListeners,
): LanguageModelAdversary {
  const precision = recipe.adversary.rolloutPrecision;
  if (Object.keys(sampling).length === 0 && precision === 'f32') return adversary;
  const options = speakerOptions(recipe.adversary);
  const behaviour = createLanguageModelAdversary(adversary.model, {
    ...options,
    precision,
    ...listeners(requests, 'adversary'),
    sampling: { ...options.sampling, ...sampling },
  });
  return keepOrigin(behaviour, adversary, behaviourOrigin(sampling));
}

/** Returns the target of training rollouts: the target itself unless the recipe gives it another precision. */
export function rolloutTargetOf(
  target: LocalTarget,
  { target: options }: Recipe,
  requests: SpeakerListeners,
): LocalTarget {
  const { precision } = options;
  return precision === 'f32'
    ? target
    : createLocalTarget(target.model, {
        ...speakerOptions(options),
        precision,
        ...targetListeners(requests),
      });
}

/** Returns the target on the same weights with another sampler, in full precision. */
export function targetWithSampling(
  target: LocalTarget,
  sampling: Partial<SpeakerSampling>,
  { target: speaker }: Recipe,
  requests: SpeakerListeners,
): LocalTarget {
  const options = speakerOptions(speaker);
  return createLocalTarget(target.model, {
    ...options,
    name: target.name,
    ...targetListeners(requests),
    sampling: { ...options.sampling, ...sampling },
  });
}

export type SpeakerListeners = Pick<RequestOptions, 'spending' | 'note'>;

/** A local speaker of a run tells what it spends, and when the template or tokenizer has rewritten a turn. */
export function listeners(
  { spending, note }: SpeakerListeners,
  role: SpeakerRole,
): Pick<LocalSpeakerOptions, 'onSpoken' | 'onRewritten'> {
  return {
    onSpoken: countSpeaker(spending, role),
    onRewritten: () =>
      note(
        `${role}: the chat template or the tokenizer writes earlier turns with other tokens than they were generated with; contexts follow the template, as the deployed model sees it`,
      ),
  };
}

/** A local target tells also what it only scores. */
export function targetListeners(
  requests: SpeakerListeners,
): Pick<LocalTargetOptions, 'onSpoken' | 'onRewritten' | 'onScored'> {
  return {
    ...listeners(requests, 'target'),
    onScored: (texts) => {
      requests.spending.add({ targetEvaluations: texts });
    },
  };
}
