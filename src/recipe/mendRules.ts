/** Rules of a recipe about mending: what a mend stage needs, what a loop is made of. */
import type { BrokenRule } from './brokenRule.js';
import { nearest } from '../base/nearest.js';
import { mendedNames, originalTarget, type Recipe, type RecipeStage, trainingName, untunedRow } from './recipe.js';
import { speakerKind } from '../speakers/options.js';

type MendStage = Extract<RecipeStage, { kind: 'mend' }>;

export function mendRules(recipe: Recipe, stages: readonly RecipeStage[]): readonly BrokenRule[] {
  const mends = stages.filter((stage) => stage.kind === 'mend');
  return [
    ...mends.flatMap((stage) => [...modelRules(recipe, stage), ...dataRules(recipe, stage, stages)]),
    ...modelNameRules(stages),
    ...targetRules(recipe, stages),
    ...loopRules(recipe, stages),
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
        message: 'adpo trains against the toxic twin, and twin is null',
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
  const attacks = stages.flatMap((stage) =>
    stage.kind === 'exploit' && stage.index < index && stage.options.attack === 'ipo' ? [stage.name] : [],
  );
  if (attacks.length === 0) {
    out.push({
      path: ['stages', index, 'mend'],
      message: 'no earlier stage plays with the target: there are no failures to mend',
      remedy: 'put an exploit stage before it, or give failures.data',
    });
  }
  for (const [i, name] of (options.failures.attacks ?? []).entries()) {
    if (attacks.includes(name)) continue;
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

/** Under models/ every name is one model. */
function modelNameRules(stages: readonly RecipeStage[]): readonly BrokenRule[] {
  const taken = new Set<string>([untunedRow, originalTarget, 'evaluate', 'twin']);
  const out: BrokenRule[] = [];
  for (const stage of stages) {
    const names =
      stage.kind === 'exploit' ? [stage.name] : stage.kind === 'mend' ? stage.options.train.map(trainingName) : [];
    names.forEach((name, i) => {
      if (stage.kind === 'mend' && taken.has(name)) {
        out.push({
          path: ['stages', stage.index, 'mend', 'train', i, 'name'],
          message: `a second model is called '${name}'`,
          remedy: 'give it a name: of its own',
        });
      }
      taken.add(name);
    });
    if (stage.kind === 'mend') taken.add(`${stage.name}-twin`);
  }
  return out;
}

function targetRules(recipe: Recipe, stages: readonly RecipeStage[]): readonly BrokenRule[] {
  const known = [originalTarget, ...mendedNames(recipe)];
  return stages.flatMap((stage) =>
    (stage.kind === 'evaluate' ? (stage.options.targets ?? []) : []).flatMap((name, i): readonly BrokenRule[] => {
      if (known.includes(name)) return [];
      const close = nearest(name, known);
      return [
        {
          path: ['stages', stage.index, 'evaluate', 'targets', i],
          message: `no stage makes the target '${name}'`,
          remedy: close === null ? `known: ${known.join(', ')}` : `did you mean '${close}'?`,
        },
      ];
    }),
  );
}

function loopRules({ loop }: Recipe, stages: readonly RecipeStage[]): readonly BrokenRule[] {
  if (loop === null) return [];
  const count = (kind: RecipeStage['kind']): number => stages.filter((stage) => stage.kind === kind).length;
  const out: BrokenRule[] = [];
  const refuse = (message: string, remedy: string): void => {
    out.push({ path: ['loop'], message, remedy });
  };
  if (count('exploit') === 0) refuse('a loop attacks', 'add an exploit stage');
  if (count('mend') !== 1) refuse(`a loop mends with one mend stage, not ${count('mend')}`, 'leave one');
  if (count('evaluate') !== 1) refuse('a loop evaluates every round', 'add an evaluate stage');
  for (const stage of stages) {
    if (stage.kind !== 'mend') continue;
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
