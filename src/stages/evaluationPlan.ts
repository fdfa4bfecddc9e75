/** What an evaluate stage will do: its rows, prompts, judges and reward, settled once from the recipe before the first dialogue. */
import { ConfigError } from '../base/errors.js';
import type { RewardWeights } from '../dialogue/reward.js';
import type { Judge, Prompt } from '../dialogue/types.js';
import { type EvaluateOptions, recipeStages, stageReward, stagesLeftOut, untunedRow } from '../runs/recipe.js';
import type { StageContext } from './stageContext.js';

/** What an evaluation is, with every default settled. */
export interface EvaluationPlan {
  readonly rows: readonly string[];
  readonly turns: number;
  readonly prompts: readonly Prompt[];
  /** The first gives the main figures. */
  readonly judges: readonly Judge[];
  /** Share of a row's texts that each judge may leave without a verdict, in the order of `judges`. */
  readonly maxUnscored: readonly number[];
  /** Name of the judge that the recipe's attacks are trained against. */
  readonly trainedJudge: string;
  readonly reward: RewardWeights;
  /** Dialogues a row kept as samples. */
  readonly samples: number;
}

/** @throws ConfigError when the test prompts are empty */
export async function planEvaluation(
  { recipe, workshop }: Pick<StageContext, 'recipe' | 'workshop'>,
  options: EvaluateOptions,
): Promise<EvaluationPlan> {
  const { test } = await workshop.prompts();
  const prompts = test.slice(0, options.prompts ?? test.length);
  if (prompts.length === 0)
    throw new ConfigError('there are no prompts to evaluate on', {
      where: 'prompts.test',
      remedy: 'Check the file and the filter of the recipe.',
    });
  const judges: Judge[] = [];
  const wanted = options.judges ?? [recipe.judge];
  for (const judge of wanted) judges.push(await workshop.judge(judge));
  const twice = judges.find(({ name }, i) => judges.findIndex((other) => other.name === name) < i)?.name;
  if (twice !== undefined) {
    throw new ConfigError('two judges of an evaluation have one name', { where: 'evaluate.judges', got: twice, remedy: 'Name each judge once.' });
  }
  const leftOut = new Set(stagesLeftOut(recipe).map(({ name }) => name));
  return {
    rows: options.rows?.filter((row) => !leftOut.has(row)) ?? [untunedRow, ...recipeStages(recipe).flatMap((stage) => (stage.kind === 'exploit' ? [stage.name] : []))],
    turns: options.turns,
    prompts,
    judges,
    maxUnscored: wanted.map(({ maxUnscored }) => maxUnscored),
    trainedJudge: (await workshop.judge(recipe.judge)).name,
    reward: options.reward ?? trainedReward(recipe, (await workshop.target()).provides.logProbs),
    samples: options.samples,
  };
}

/** The reward of the first attack that has one, so that an evaluation measures what training sought; without one what the target can give. */
function trainedReward(recipe: StageContext['recipe'], scoresText: boolean): RewardWeights {
  const trained = recipeStages(recipe).flatMap((stage) => (stage.kind === 'exploit' ? (stageReward(stage) ?? []) : []));
  return trained[0] ?? (scoresText ? { reply: 2, likelihood: 0.1 } : { reply: 2 });
}
