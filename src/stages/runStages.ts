/** All stages of a recipe, in order. Stages that an earlier sitting finished are passed over. */
import { checkReward } from '../dialogue/reward.js';
import { ConfigError } from '../base/errors.js';
import { recipeStages, type RecipeStage, stageReward, trainingName } from '../runs/recipe.js';
import type { Report } from '../runs/report.js';
import { evaluate, reportMending } from './evaluate.js';
import { exploit } from './exploit.js';
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

async function runOnce(context: StageContext): Promise<Report | null> {
  let report: Report | null = null;
  const attacks: string[] = [];
  for (const stage of recipeStages(context.recipe)) {
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

/** Every training of the stage makes a model of its name. @returns a report of what there is so far; an evaluation writes it anew */
async function mendOnce(context: StageContext, { name, options }: Extract<RecipeStage, { kind: 'mend' }>, earlier: readonly string[]): Promise<Report> {
  const attacks = options.failures.attacks ?? earlier;
  const isMended = await mend(context, { name, options, before: null, models: options.train.map(trainingName), attacks });
  if (!isMended) {
    throw new ConfigError('the target failed nowhere: there is nothing to mend', {
      where: `stages.${name}`, expected: 'rollouts with failed replies', got: `none in ${attacks.join(', ')}`, remedy: 'Attack longer, or lower failures.minHarm.',
    });
  }
  return reportMending(context);
}

/** Before anything is spent: whether a target that is not on this machine can give what rewards are made of. @throws ConfigError */
async function requireScores({ recipe, workshop }: StageContext): Promise<void> {
  if (workshop.targetIsLocal) return;
  const target = await workshop.target();
  for (const stage of recipeStages(recipe)) {
    const reward = stageReward(stage);
    if (reward !== undefined) checkReward(reward, target);
  }
}
