/** Plans an evaluate stage: its rows, prompts, judges and reward are settled once from the recipe, before the first
 *  dialogue. */
import { ConfigError } from '../../base/errors.js';
import type { RewardWeights } from '../../dialogue/reward.js';
import { defaultTargetTexts } from '../../dialogue/targetText.js';
import type { Judge, Prompt } from '../../dialogue/types.js';
import { evaluatedAdversaries, type EvaluatedAdversary } from '../../recipe/adversaries.js';
import { mendedNames, originalTarget, trainedReward, untunedRow } from '../../recipe/recipe.js';
import type { EvaluateOptions } from '../../recipe/stages/evaluate.js';
import type { JudgeOptions } from '../../speakers/judges/options.js';
import type { AdversaryOptions } from '../../speakers/options.js';
import type { StageContext } from '../stageContext.js';
import type { MendedTarget } from '../../models/pool.js';

/** An adversary, and the target that it speaks with: a row of the report. */
export interface Pairing {
  /** Unique in the report: the adversary's name, with '@' and the target's where that is a mended one. */
  readonly name: string;
  /** 'untuned', a name under `adversaries`, or one under models/. */
  readonly adversary: string;
  /** The options of the speaker; null for what a stage has trained, which is under models/. */
  readonly speaker: AdversaryOptions | null;
  /** Attack that trained the adversary; without one 'none', or 'prompts' for a list under `adversaries`. */
  readonly attack: string;
  readonly attackKind: EvaluatedAdversary['attackKind'];
  /** Whether it says what a search has found. */
  readonly isFound: boolean;
  /** The judge that the attack was trained or selected by; null for none. */
  readonly trainedOn: JudgeOptions | null;
  /** The mended target, or a further one; null for the recipe's own. */
  readonly target: MendedTarget | null;
}

export function pairingOf({ adversary, ...trained }: EvaluatedAdversary, target: MendedTarget | null): Pairing {
  return { ...trained, name: target === null ? adversary : `${adversary}@${target.name}`, adversary, target };
}

/** A row with its judge by name. */
export interface PlannedRow extends Pairing {
  /** Name of the judge that the attack was trained or selected by; null for none. */
  readonly trainedJudge: string | null;
}

/** An evaluation with every default settled. */
export interface EvaluationPlan {
  readonly rows: readonly PlannedRow[];
  /** Name of the adversary that the others are compared with; null for none. */
  readonly baseline: string | null;
  readonly turns: number;
  readonly prompts: readonly Prompt[];
  /** A dialogue ends early where one of these is said. */
  readonly stopWhen: readonly string[];
  /** The category of a prompt by its id, by which rows are broken down; null where the recipe asks for none. */
  readonly categories: ReadonlyMap<string, string> | null;
  /** Unit that intervals resample. */
  readonly groupBy: EvaluateOptions['groupBy'];
  /** Judges, the first of which gives the main figures. */
  readonly judges: readonly Judge[];
  /** Share of a row's texts that each judge may leave without a verdict, in the order of `judges`. */
  readonly maxUnscored: readonly number[];
  /** Name of the recipe's judge, by which attacks are trained that have no other. */
  readonly recipeJudge: string;
  /** By default that of the first attack that has one, so that an evaluation measures what training sought. */
  readonly reward: RewardWeights;
  readonly targetTexts: readonly string[];
  /** Encoder that tells utterances alike by meaning; null for none. */
  readonly embed: EvaluateOptions['embed'];
  /** Number of dialogues per row that are kept as samples. */
  readonly samples: number;
}

/** Settles the plan of an evaluation.
 *  @param pairings default: every adversary of the evaluation with the recipe's target and with each mended one
 *  @throws ConfigError when the test prompts are empty */
export async function planEvaluation(
  context: Pick<StageContext, 'recipe' | 'pool' | 'run'>,
  options: EvaluateOptions,
  pairings: readonly Pairing[] = allPairings(context, options),
): Promise<EvaluationPlan> {
  const { recipe, pool } = context;
  const { test } = await pool.prompts();
  const prompts = test.slice(0, options.prompts ?? test.length);
  if (prompts.length === 0)
    throw new ConfigError('there are no prompts to evaluate on', {
      where: 'prompts.test',
      remedy: 'Check the file and the filter of the recipe.',
    });
  const trained = trainedReward(recipe);
  const judges: Judge[] = [];
  const wanted = options.judges ?? [recipe.judge];
  for (const judge of wanted) judges.push(await pool.judge(judge));
  const twice = judges.find(({ name }, i) => judges.findIndex((other) => other.name === name) < i)?.name;
  if (twice !== undefined) {
    throw new ConfigError('two judges of an evaluation have one name', {
      where: 'evaluate.judges',
      got: twice,
      remedy: 'Name each judge once.',
    });
  }
  const rows: PlannedRow[] = [];
  for (const row of pairings)
    rows.push({ ...row, trainedJudge: row.trainedOn === null ? null : (await pool.judge(row.trainedOn)).name });
  return {
    rows,
    baseline: options.baseline ?? (rows.some(({ adversary }) => adversary === untunedRow) ? untunedRow : null),
    turns: options.turns,
    prompts,
    stopWhen: options.stopWhen,
    categories: options.categories === null ? null : categoriesOf(prompts, options.categories),
    groupBy: options.groupBy,
    judges,
    maxUnscored: wanted.map(({ maxUnscored }) => maxUnscored),
    recipeJudge: (await pool.judge(recipe.judge)).name,
    reward: options.reward ?? trained?.reward ?? defaultReward((await pool.target()).provides.logProbs),
    targetTexts: options.targetTexts ?? trained?.targetTexts ?? defaultTargetTexts,
    embed: options.embed,
    samples: options.samples,
  };
}

/** @throws ConfigError when no prompt has the field */
function categoriesOf(prompts: readonly Prompt[], field: string): ReadonlyMap<string, string> {
  const found = prompts.flatMap(({ id, meta = {} }) => {
    const value = meta[field] ?? null;
    return value === null || value === '' ? [] : [[id, String(value)] as const];
  });
  if (found.length > 0) return new Map(found);
  const known = [...new Set(prompts.flatMap(({ meta = {} }) => Object.keys(meta)))];
  throw new ConfigError('No test prompt has this field', {
    where: 'evaluate.categories',
    expected: known.length === 0 ? 'prompts with further fields' : known.join(', '),
    got: field,
  });
}

function allPairings(
  { recipe, run }: Pick<StageContext, 'recipe' | 'run'>,
  options: EvaluateOptions,
): readonly Pairing[] {
  const mended = mendedNames(recipe).map((name): MendedTarget => ({ name, folder: run.modelPath(name) }));
  const further = Object.entries(options.furtherTargets ?? {}).map(([name, folder]): MendedTarget => ({
    name,
    folder,
  }));
  const targets = [null, ...mended, ...further].filter(
    (target) => options.targets?.includes(target?.name ?? originalTarget) ?? true,
  );
  return targets.flatMap((target) =>
    evaluatedAdversaries(recipe, options).map((adversary) => pairingOf(adversary, target)),
  );
}

/** Returns the default reward, as far as the target gives its terms. */
function defaultReward(scoresText: boolean): RewardWeights {
  return scoresText ? { reply: 2, likelihood: 0.1 } : { reply: 2 };
}
