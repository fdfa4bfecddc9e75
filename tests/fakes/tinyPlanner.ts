/** A planner of the tiny model, with random weights: it has cloned nothing yet. */
import { hashLanguageModel, type LanguageModel } from '../../src/engine/models/languageModel.js';
import { createPlanner, type Planner } from '../../src/learning/planner/planner.js';
import { type PlannerSettings, stateWidth } from '../../src/learning/planner/plannerSettings.js';
import { tokenDirections, tokenScaleOf } from '../../src/learning/planner/tokenTable.js';

export async function tinyPlannerSettings(
  model: LanguageModel,
  change: Partial<PlannerSettings> = {},
): Promise<PlannerSettings> {
  return {
    model: await hashLanguageModel(model),
    width: model.architecture.config.width,
    layer: -1,
    position: 'suffix',
    tokens: 2,
    actionWidth: 3,
    hidden: [8],
    mapping: 'learned',
    horizon: 3,
    ...change,
  };
}

export async function tinyPlanner(model: LanguageModel, change: Partial<PlannerSettings> = {}): Promise<Planner> {
  const settings = await tinyPlannerSettings(model, change);
  return createPlanner(model.device, {
    settings,
    seed: 3,
    statistics: {
      mean: new Float32Array(stateWidth(settings)),
      scale: new Float32Array(stateWidth(settings)).fill(1),
    },
    tokenScale: await tokenScaleOf(model),
    directions: settings.mapping === 'pca' ? await tokenDirections(model, settings.actionWidth) : null,
  });
}
