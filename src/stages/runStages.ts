/** All stages of a recipe, in order. Stages that an earlier sitting finished are passed over. */
import { checkReward } from '../dialogue/reward.js';
import { recipeStages, stageReward } from '../runs/recipe.js';
import type { Report } from '../runs/report.js';
import { evaluate } from './evaluate.js';
import { exploit } from './exploit.js';
import type { StageContext } from './stageContext.js';

/** @returns the report of the evaluate stage; null when the recipe has none
 *  @throws InterruptedError, BudgetError: continue with RunDirectory.resume and this function again */
export async function runStages(context: StageContext): Promise<Report | null> {
  await requireScores(context);
  let report: Report | null = null;
  for (const stage of recipeStages(context.recipe)) {
    switch (stage.kind) {
      case 'exploit':
        await exploit(context, stage);
        break;
      case 'evaluate':
        report = await evaluate(context, stage.options);
        break;
    }
  }
  return report;
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
