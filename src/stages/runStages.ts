/** Runs all stages of a recipe, in order. Stages that an earlier session finished are skipped. */
import { ConfigError } from '../base/errors.js';
import { checkReward } from '../dialogue/reward.js';
import { recipeStages, type RecipeStage } from '../recipe/recipe.js';
import type { Report } from '../report/report.js';
import { runnerOf } from './all.js';
import { requireStartTokens } from './runInputs.js';
import { runLoop } from './mend/loop.js';
import type { StageContext } from './stageContext.js';

/** Runs all stages.
 *  @returns the report of the evaluate stage, or of mending alone; null when the recipe has neither
 *  @throws InterruptedError, BudgetError: continue with RunDirectory.resume and this function again */
export async function runStages(context: StageContext): Promise<Report | null> {
  await requireGiven(context);
  const { loop } = context.recipe;
  return loop === null ? runOnce(context) : runLoop(context, loop);
}

/** Runs the stages of one kind alone, on a run whose earlier stages are finished.
 *  @returns the report so far, and the names of the stages that are left
 *  @throws ConfigError when there is no such stage, when an earlier one is not finished, or for a loop, whose stages
 *    take turns */
export async function runStagesOf(
  context: StageContext,
  kind: RecipeStage['kind'],
): Promise<{ readonly report: Report | null; readonly left: readonly string[] }> {
  const { recipe, run } = context;
  const stages = recipeStages(recipe);
  if (recipe.loop !== null)
    throw new ConfigError('the stages of a loop take turns', {
      where: 'loop',
      remedy: 'Run the whole recipe with `gadfly run`, or leave loop out.',
    });
  const first = stages.findIndex((stage) => stage.kind === kind);
  if (first < 0)
    throw new ConfigError(`this recipe has no stage ${kind}`, {
      where: 'stages',
      got: stages.map(({ name }) => name).join(', '),
    });
  const isLeft = (stage: RecipeStage): boolean => run.completed(runnerOf(stage).unit(stage)) === null;
  const waiting = stages.slice(0, first).find(isLeft);
  if (waiting !== undefined) {
    throw new ConfigError(`the stage ${waiting.name} comes first and is not finished`, {
      where: run.path,
      remedy: `Run \`gadfly ${waiting.kind}\` with the same --config and --out first, or \`gadfly run\` for all of them.`,
    });
  }
  await requireGiven(context);
  const report = await runOnce(context, kind);
  return { report, left: stages.filter(isLeft).map(({ name }) => name) };
}

/** Runs the stages of a recipe without a loop. @param only the one kind to run; null runs all */
async function runOnce(context: StageContext, only: RecipeStage['kind'] | null = null): Promise<Report | null> {
  let report: Report | null = null;
  const attacks: string[] = [];
  for (const stage of recipeStages(context.recipe)) {
    if (only === null || stage.kind === only) report = (await runnerOf(stage).run(context, stage, attacks)) ?? report;
    // What a search found stands on test prompts: nothing is trained on it.
    const product = stage.traits.attack?.product;
    if (product === 'model' || product === 'planner') attacks.push(stage.name);
  }
  return report;
}

/** Checks, before anything is spent, that the speakers give what the recipe asks of them. @throws ConfigError */
async function requireGiven(context: StageContext): Promise<void> {
  const { recipe, pool } = context;
  const isGiven = (modelId: string): boolean => modelId === recipe.target.model && !pool.targetIsLocal;
  await requireStartTokens(recipe, async (modelId) => (isGiven(modelId) ? null : pool.modelPath(modelId)));
  await requireScores(context);
}

/** Checks that a target that is not on this machine gives the terms of the rewards.
 *  @throws ConfigError */
async function requireScores({ recipe, pool }: StageContext): Promise<void> {
  if (pool.targetIsLocal) return;
  const target = await pool.target();
  for (const { traits } of recipeStages(recipe)) if (traits.reward !== null) checkReward(traits.reward, target);
}
