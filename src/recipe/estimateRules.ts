/** Rules of a recipe about estimates: what their dialogues are tilted towards, and who their users are. */
import type { BrokenRule } from '../base/brokenRule.js';
import { nearest } from '../base/nearest.js';
import { speakerKind } from '../speakers/options.js';
import { type Recipe, recipeStages, stagesOfKind, untunedRow } from './recipe.js';
import { isModel, usersModel } from './stages/estimate.js';

export function estimateRules(recipe: Recipe): readonly BrokenRule[] {
  return stagesOfKind(recipe, 'estimate').flatMap(
    ({ index, options: { proposal, users, pilot, mixture, tempering } }) => {
      const at = (key: string): readonly (string | number)[] => ['stages', index, 'estimate', key];
      const speaker = usersModel(users) ?? recipe.adversary.model;
      const rules: BrokenRule[] = [];
      if (speakerKind(speaker) === 'prompts')
        rules.push({
          path: at('users'),
          message: 'a list of prompts says the same in every dialogue: it is no user',
          remedy: 'name a model, or users: file:PATH with an adversary that is a model',
        });
      if (proposal === null) return rules;
      const trained = recipeStages(recipe).filter(
        (stage) => stage.index < index && stage.traits.attack?.product === 'model',
      );
      if (!isModel(proposal) && !trained.some(({ name }) => name === proposal)) {
        const like = nearest(
          proposal,
          trained.map(({ name }) => name),
        );
        rules.push({
          path: at('proposal'),
          message:
            proposal === untunedRow
              ? 'the untuned adversary is the ordinary user already'
              : `no earlier stage trains a model '${proposal}'`,
          remedy:
            like === null
              ? 'name an earlier exploit stage, a model as ./dir, or leave proposal out'
              : `did you mean ${like}?`,
        });
      }
      if (speakerKind(speaker) !== 'local')
        rules.push({
          path: at('proposal'),
          message: 'dialogues are tilted on this machine alone: the log-probabilities of these users are not known',
          remedy: 'leave proposal out, or name users on this machine',
        });
      if (pilot === 0 && (mixture === null || tempering === null) && mixture !== 1)
        rules.push({
          path: at('pilot'),
          message: 'without a pilot nothing chooses mixture and tempering',
          remedy: 'give both, or a pilot of some hundred dialogues',
        });
      return rules;
    },
  );
}
