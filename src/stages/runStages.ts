/** All stages of a recipe, in order. Stages that an earlier sitting finished are passed over. */
import { checkReward } from '../dialogue/reward.js';
import { ConfigError } from '../base/errors.js';
import { recipeStages, type RecipeStage, stageReward, trainingName } from '../recipe/recipe.js';
import type { Report } from '../report/report.js';
import { evaluate, reportMending } from './evaluate/evaluate.js';
import { exploit } from './exploit/exploit.js';
import { runLoop } from './mend/loop.js';
import { mend } from './mend/mend.js';
import type { StageContext } from './stageContext.js';

/** @returns the report of the evaluate stage, or of mending alone; null when the recipe has neither
 *  @throws InterruptedError, BudgetError: continue with RunDirectory.resume and this function again */
export async function runStages(context: StageContext): Promise<Report | null> {
  await requireScores(context);
  const { loop } = context.recipe;
  return loop === null ? runOnce(context) : runLoop(context, loop);
}

/** The stages of one kind alone, on a run whose earlier stages are finished.
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
  const isLeft = (stage: RecipeStage): boolean => run.completed(unitOf(stage)) === null;
  const waiting = stages.slice(0, first).find(isLeft);
  if (waiting !== undefined) {
    throw new ConfigError(`the stage ${waiting.name} comes first and is not finished`, {
      where: run.path,
      remedy: `Run \`gadfly ${waiting.kind}\` with the same --config and --out first, or \`gadfly run\` for all of them.`,
    });
  }
  await requireScores(context);
  const report = await runOnce(context, kind);
  return { report, left: stages.filter(isLeft).map(({ name }) => name) };
}

/** The unit whose end is the stage's. */
function unitOf({ kind, name }: RecipeStage): string {
  return kind === 'evaluate' ? kind : `${kind}:${name}`;
}

/** @param only leave the other kinds out */
async function runOnce(context: StageContext, only: RecipeStage['kind'] | null = null): Promise<Report | null> {
  let report: Report | null = null;
  const attacks: string[] = [];
  for (const stage of recipeStages(context.recipe)) {
    if (only !== null && stage.kind !== only) {
      if (stage.kind === 'exploit') attacks.push(stage.name);
      continue;
    }
    switch (stage.kind) {
      case 'exploit':
        await exploit(context, stage);
        attacks.push(stage.name);
        break;
      case 'mend':
        report = await mendOnce(context, stage, attacks);
        break;
      case 'evaluate':
        report = await evaluate(context, stage.options);
        break;
    }
  }
  return report;
}

/** Every training of the stage makes a model of its name. @returns a report of what there is so far; an evaluation
 *  writes it anew */
async function mendOnce(
  context: StageContext,
  { name, options }: Extract<RecipeStage, { kind: 'mend' }>,
  earlier: readonly string[],
): Promise<Report> {
  const attacks = options.failures.attacks ?? earlier;
  const isMended = await mend(context, {
    name,
    options,
    before: null,
    models: options.train.map(trainingName),
    attacks,
  });
  if (!isMended) {
    throw new ConfigError('the target failed nowhere: there is nothing to mend', {
      where: `stages.${name}`,
      expected: 'rollouts with failed replies',
      got: `none in ${attacks.join(', ')}`,
      remedy: 'Attack longer, or lower failures.minHarm.',
    });
  }
  return reportMending(context);
}

/** Before anything is spent: whether a target that is not on this machine can give what rewards are made of. @throws
 *  ConfigError */
async function requireScores({ recipe, pool }: StageContext): Promise<void> {
  if (pool.targetIsLocal) return;
  const target = await pool.target();
  for (const stage of recipeStages(recipe)) {
    const reward = stageReward(stage);
    if (reward !== undefined) checkReward(reward, target);
  }
}
