/** Rules of a recipe about mending: what a mend stage needs. */
import type { BrokenRule } from '../base/brokenRule.js';
import { nearest } from '../base/nearest.js';
import { type Recipe, type RecipeStage, stagesOfKind } from './recipe.js';
import { speakerKind } from '../speakers/options.js';

type MendStage = Extract<RecipeStage, { kind: 'mend' }>;

export function mendRules(recipe: Recipe, stages: readonly RecipeStage[]): readonly BrokenRule[] {
  return [
    ...stagesOfKind(recipe, 'mend').flatMap((stage) => [
      ...modelRules(recipe, stage),
      ...dataRules(recipe, stage, stages),
    ]),
  ];
}

function modelRules({ target }: Recipe, { index, options }: MendStage): readonly BrokenRule[] {
  const out: BrokenRule[] = [];
  const at = (...keys: readonly (string | number)[]): readonly (string | number)[] => [
    'stages',
    index,
    'mend',
    ...keys,
  ];
  if (speakerKind(target.model) !== 'local') {
    out.push({
      path: ['target', 'model'],
      message: 'mending trains the target, which must be a model on this machine',
      remedy: 'leave the mend stage out, or download the model',
    });
  }
  if (options.twin !== null && options.lora !== null && options.control.as === 'vocabulary') {
    out.push({
      path: at('lora'),
      message: 'an adapter cannot learn a new row of the embedding',
      remedy: 'set control: { as: text }',
    });
  }
  options.train.forEach((training, i) => {
    if (training.loss === 'adpo' && options.twin === null) {
      out.push({
        path: at('train', i, 'loss'),
        message: 'adpo trains against the control-token (toxic) model, and twin is null',
        remedy: 'give twin, or use dpo',
      });
    }
  });
  return out;
}

function dataRules(
  { prompts }: Recipe,
  { index, options }: MendStage,
  stages: readonly RecipeStage[],
): readonly BrokenRule[] {
  if (typeof options.failures.data === 'string') return [];
  const out: BrokenRule[] = [];
  const played = stages.filter((stage) => stage.index < index && (stage.traits.attack?.horizon ?? 0) > 0);
  const isSearch = ({ traits }: RecipeStage): boolean => traits.attack?.product === 'finds';
  const attacks = played.filter((stage) => !isSearch(stage)).map(({ name }) => name);
  const searches = played.filter(isSearch).map(({ name }) => name);
  if (attacks.length === 0) {
    out.push({
      path: ['stages', index, 'mend'],
      message: 'no earlier stage plays with the target on training prompts: there are no failures to mend',
      remedy: 'put an exploit stage that trains an adversary before it, or give failures.data',
    });
  }
  for (const [i, name] of (options.failures.attacks ?? []).entries()) {
    if (attacks.includes(name)) continue;
    if (searches.includes(name)) {
      out.push({
        path: ['stages', index, 'mend', 'failures', 'attacks', i],
        message: `'${name}' searched the test prompts: a model mended by its finds has seen what it is evaluated on`,
        remedy: 'leave it out',
      });
      continue;
    }
    const close = nearest(name, attacks);
    out.push({
      path: ['stages', index, 'mend', 'failures', 'attacks', i],
      message: `no earlier stage '${name}' plays with the target`,
      remedy: close === null ? `known: ${attacks.join(', ')}` : `did you mean '${close}'?`,
    });
  }
  if (options.ordinary.data == null && prompts.data == null && prompts.train === undefined) {
    out.push({
      path: ['prompts', 'train'],
      message: 'missing: the ordinary dialogues of mend begin with it',
      remedy: 'give it, or ordinary.data',
    });
  }
  return out;
}
