/** Rules of a recipe about where its dialogues begin. */
import type { BrokenRule } from '../base/brokenRule.js';
import { speakerKind } from '../speakers/options.js';
import { speakerFormat } from '../speakers/speakerOptions.js';
import { type Recipe, recipeSpeakers, type RecipeStage, setsWithTarget, startSources } from './recipe.js';

export function promptRules(recipe: Recipe, stages: readonly RecipeStage[]): readonly BrokenRule[] {
  return [...sourceRules(recipe, stages), ...startRules(recipe)];
}

function sourceRules({ prompts, adversary }: Recipe, stages: readonly RecipeStage[]): readonly BrokenRule[] {
  const out: BrokenRule[] = [];
  if (speakerKind(adversary.model) === 'prompts' && prompts.data == null && prompts.test === undefined) return out;
  const parts = ['train', 'dev', 'test'] as const;
  if (prompts.data !== undefined && prompts.data !== null) {
    for (const key of parts)
      if (prompts[key] !== undefined)
        out.push({
          path: ['prompts', key],
          message: 'given beside prompts.data',
          remedy: 'give either data with split, or data: null with train, dev and test',
        });
    const { train, dev, test } = prompts.split;
    if (train + dev + test > 1 + 1e-9)
      out.push({
        path: ['prompts', 'split'],
        message: `the shares add up to ${(train + dev + test).toFixed(3)}, more than 1`,
        remedy: null,
      });
    return out;
  }
  const needed = new Map<(typeof parts)[number], string>();
  for (const { kind, name, traits } of stages) {
    const shown = kind === name ? kind : `${kind} (${name})`;
    for (const { set, because } of traits.prompts)
      needed.set(set, `${shown}${because === undefined ? '' : ` with ${because}`}`);
  }
  for (const [key, stage] of needed) {
    if (prompts[key] === undefined)
      out.push({
        path: ['prompts', key],
        message: `missing: the stage ${stage} needs it`,
        remedy: 'give it, or prompts.data, which is split',
      });
  }
  return out;
}

/** Checks what a dialogue that begins with nothing cannot give. Whether a model on this machine has a start token is known
 *  only when its tokenizer is read. */
function startRules(recipe: Recipe): readonly BrokenRule[] {
  const starts = startSources(recipe);
  const [first] = starts;
  if (first === undefined) return [];
  const withoutTarget = [...setsWithTarget(recipe)].flatMap((set): readonly BrokenRule[] => {
    const key = starts.find((each) => each === set || each === 'data');
    if (key === undefined) return [];
    return [
      {
        path: ['prompts', key],
        message: 'the reward asks how likely the target’s words are, and a dialogue from the start token names none',
        remedy: 'give prompts with a target, or leave reward.targetText and reward.targetTextProbability out',
      },
    ];
  });
  const remote = recipeSpeakers(recipe).flatMap(({ role, path, speaker }): readonly BrokenRule[] =>
    role === 'adversary' && speakerKind(speaker.model) === 'openai' && speakerFormat(speaker) !== 'chat'
      ? [
          {
            path: ['prompts', first],
            message: `${path.join('.')} is a remote model that continues text, and has no start token to begin from`,
            remedy: 'give prompts, or set format: chat',
          },
        ]
      : [],
  );
  return [...withoutTarget, ...remote];
}
