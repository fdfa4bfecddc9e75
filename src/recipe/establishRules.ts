/** Rules of a recipe about establishing a judge: what it labels, and who may name it. */
import type { BrokenRule } from '../base/brokenRule.js';
import { splitNames } from '../speakers/judges/splitNames.js';
import { stageOfJudge } from '../speakers/judges/trained.js';
import { type Recipe, recipeJudges, type RecipeStage, recipeStages, stagesOfKind } from './recipe.js';
import { labelFile } from './stages/establish.js';

export function establishRules(recipe: Recipe): readonly BrokenRule[] {
  return [...textRules(recipe), ...peopleRules(recipe), ...judgeRules(recipe), ...earlyUseRules(recipe)];
}

/** People and judges label what an explore stage keeps, or the texts of a file. */
function textRules(recipe: Recipe): readonly BrokenRule[] {
  const [explore] = stagesOfKind(recipe, 'explore');
  return stagesOfKind(recipe, 'establish').flatMap(({ index, options: { by, texts } }): readonly BrokenRule[] => {
    if (labelFile(by) !== null) return [];
    const isExplored = explore !== undefined && explore.index < index;
    if (texts === null && !isExplored)
      return [
        {
          path: ['stages', index, 'establish'],
          message: 'there is nothing to label: no stage before it explores',
          remedy: 'add an explore stage, or give texts: FILE',
        },
      ];
    return texts !== null && explore !== undefined
      ? [
          {
            path: ['stages', index, 'establish', 'texts'],
            message: 'this recipe explores, and labels what is found',
            remedy: 'leave texts out, or label them in a recipe of their own',
          },
        ]
      : [];
  });
}

/** labels.jsonl holds the labels of one label set. */
function peopleRules(recipe: Recipe): readonly BrokenRule[] {
  const asking = stagesOfKind(recipe, 'establish').filter(({ options }) => options.by === 'people');
  if (recipe.sweep !== null)
    return asking.map(({ index }) => ({
      path: ['stages', index, 'establish', 'by'],
      message: 'a sweep does not wait for people',
      remedy: 'label in a run of its own, and give by: file:RUN/labelled.jsonl',
    }));
  return asking.slice(1).map(({ index }) => ({
    path: ['stages', index, 'establish', 'by'],
    message: 'people label for one stage of a recipe, and a stage before it asks them already',
    remedy: 'put this stage into a recipe of its own',
  }));
}

/** A judge `stage:NAME` is known after its stage alone. The recipe's own judge counts where it is used. */
function judgeRules(recipe: Recipe): readonly BrokenRule[] {
  const made = stagesOfKind(recipe, 'establish');
  return recipeJudges(recipe).flatMap(({ path, judge }) => {
    const [, place] = path;
    const before = typeof place === 'number' ? made.filter(({ index }) => index < place) : made;
    return stagesNamed(judge)
      .filter((stage) => !before.some(({ name }) => name === stage))
      .map((stage) => ({
        path: [...path, 'model'],
        message: made.some(({ name }) => name === stage)
          ? `the stage ${stage} trains its judge later`
          : `no establish stage is called '${stage}'`,
        remedy:
          before.length === 0
            ? 'put an establish stage before it'
            : `known here: ${before.map(({ name }) => `stage:${name}`).join(', ')}`,
      }));
  });
}

/** A stage that uses the recipe's judge comes after the one that trains it. */
function earlyUseRules(recipe: Recipe): readonly BrokenRule[] {
  const wanted = stagesNamed(recipe.judge);
  const trained = stagesOfKind(recipe, 'establish').filter(({ name }) => wanted.includes(name));
  if (trained.length === 0) return [];
  const last = Math.max(...trained.map(({ index }) => index));
  const filtered = recipe.prompts.filter.maxHarm === undefined ? [] : [['prompts', 'filter', 'maxHarm']];
  const early = recipeStages(recipe).filter((stage) => stage.index < last && usesJudge(stage));
  return [...filtered, ...early.map(({ index }) => ['stages', index])].map((path) => ({
    path,
    message: `the recipe’s judge, ${recipe.judge.model}, is not trained yet here`,
    remedy: 'name another judge here, or leave it out',
  }));
}

function usesJudge({ kind, traits }: RecipeStage): boolean {
  return !['explore', 'establish'].includes(kind) && traits.judges.length === 0;
}

interface NamedJudge {
  readonly model: string;
  readonly members?: readonly NamedJudge[] | undefined;
}

/** Names of the stages that a judge, or a member of it, refers to. */
function stagesNamed({ model, members = [] }: NamedJudge): readonly string[] {
  const [, inner = null] = /^(?:mean|max|vote)\((.*)\)$/.exec(model) ?? [];
  const listed = inner === null ? [] : splitNames(inner).map((name) => ({ model: name }));
  const own = stageOfJudge(model);
  return [...(own === null ? [] : [own]), ...[...listed, ...members].flatMap(stagesNamed)];
}
