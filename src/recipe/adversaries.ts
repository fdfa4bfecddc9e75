/** The adversaries of a recipe beside its own: those that an evaluation compares, and those that attacks prompt. */
import type { AttackKind } from '../attacks/attack.js';
import type { JudgeOptions } from '../speakers/judges/options.js';
import { type AdversaryOptions, speakerKind, withChanges } from '../speakers/options.js';
import { type Recipe, recipeStages, stagesOfKind, untunedRow } from './recipe.js';
import type { StageOptions } from './stages/all.js';
import type { StageTraits } from './stages/stage.js';

/** An adversary of an evaluation and what trained it. */
export interface EvaluatedAdversary {
  /** 'untuned', a name under the evaluation's `adversaries`, or one under models/. */
  readonly adversary: string;
  /** The options of the speaker; null for what a stage has trained, which is under models/. */
  readonly speaker: AdversaryOptions | null;
  /** Name of the attack; without one 'none', or 'prompts' for a list under `adversaries`. */
  readonly attack: string;
  readonly attackKind: AttackKind | 'none';
  /** Whether it says what a search has found, so that no model speaks for it. */
  readonly isFound: boolean;
  /** The judge that the attack was trained or selected by; null for none. */
  readonly trainedOn: JudgeOptions | null;
}

/** Adversaries that an evaluation compares, with what trained them; stages that lack their data are left out. */
export function evaluatedAdversaries(
  recipe: Recipe,
  { rows, adversaries = {} }: Pick<StageOptions<'evaluate'>, 'rows' | 'adversaries'>,
): readonly EvaluatedAdversary[] {
  const untrained = { attackKind: 'none', isFound: false, trainedOn: null } as const;
  const trained = recipeStages(recipe).flatMap(({ name, traits: { attack } }) =>
    attack === null
      ? []
      : [
          {
            adversary: name,
            speaker: null,
            attack: attack.name,
            attackKind: attack.kind,
            isFound: attack.product === 'finds',
            trainedOn: attack.trainsOnJudge ? (attack.judge ?? recipe.judge) : null,
          },
        ],
  );
  const others = Object.entries(adversaries).map(([adversary, changes]) => {
    const speaker = withChanges(recipe.adversary, changes);
    const attack = speakerKind(speaker.model) === 'prompts' ? 'prompts' : 'none';
    return { ...untrained, adversary, speaker, attack };
  });
  const untuned = { ...untrained, adversary: untunedRow, speaker: recipe.adversary, attack: 'none' };
  const all = [untuned, ...others, ...trained];
  return rows === undefined ? all : rows.flatMap((row) => all.filter(({ adversary }) => adversary === row));
}

/** Number of test prompts that the evaluation plays, the first ones; null for all of them, or without an evaluation. */
export function evaluatedPrompts(recipe: Recipe): number | null {
  return stagesOfKind(recipe, 'evaluate')[0]?.options.prompts ?? null;
}

/** Returns the adversary that the attack of a stage prompts, where it differs from the recipe's; null otherwise. */
export function attackerOf({ adversary }: Recipe, { attack }: Pick<StageTraits, 'attack'>): AdversaryOptions | null {
  const { attacker: changes = {}, instructsAttacker = false } = attack ?? {};
  if (Object.keys(changes).length === 0 && !instructsAttacker) return null;
  const { system: _, ...speaker } = adversary;
  return withChanges(instructsAttacker ? speaker : adversary, changes);
}

/** An adversary of an evaluation that is neither the recipe's own nor trained. */
export function isFurther<Each extends Pick<EvaluatedAdversary, 'adversary' | 'speaker'>>(
  each: Each,
): each is Each & { readonly speaker: AdversaryOptions } {
  return each.speaker !== null && each.adversary !== untunedRow;
}
