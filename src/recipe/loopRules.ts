/** Rules of a recipe about its loop of attack and mending: what it is made of. */
import type { BrokenRule } from '../base/brokenRule.js';
import { type Recipe, type RecipeStage, stagesOfKind } from './recipe.js';

export function loopRules(recipe: Recipe): readonly BrokenRule[] {
  if (recipe.loop === null) return [];
  const count = (kind: RecipeStage['kind']): number => stagesOfKind(recipe, kind).length;
  const out: BrokenRule[] = [];
  const refuse = (message: string, remedy: string): void => {
    out.push({ path: ['loop'], message, remedy });
  };
  if (count('explore') > 0) refuse('a loop does not explore', 'explore in a recipe of its own');
  if (count('establish') > 0)
    refuse('a loop does not establish a judge', 'do so in a recipe of its own, and name ./RUN/judges/NAME');
  if (count('exploit') === 0) refuse('a loop attacks', 'add an exploit stage');
  if (count('mend') !== 1) refuse(`a loop mends with one mend stage, not ${count('mend')}`, 'leave one');
  if (count('evaluate') !== 1) refuse('a loop evaluates every round', 'add an evaluate stage');
  for (const stage of stagesOfKind(recipe, 'mend')) {
    if (stage.options.train.length > 1)
      out.push({
        path: ['stages', stage.index, 'mend', 'train'],
        message: 'a loop goes on with one mended model, and this stage makes several',
        remedy: 'leave one training, or compare them in a recipe without a loop',
      });
    if (stage.options.failures.attacks !== undefined)
      out.push({
        path: ['stages', stage.index, 'mend', 'failures', 'attacks'],
        message: 'a loop mends the failures of all rounds',
        remedy: 'leave it out',
      });
  }
  return out;
}
