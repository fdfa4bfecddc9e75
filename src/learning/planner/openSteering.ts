/** A saved planner at work: what deploys it in an evaluation, in a loop, or from the command line. */
import type { LanguageModel } from '../../engine/models/languageModel.js';
import { openPlanner } from './planner.js';
import { openStateReader } from './states.js';
import { deployed, type PlannerSteering, steerBy } from './steer.js';

/** @throws FormatError when the folder holds no planner, ConfigError when it is one of another model */
export async function openSteering(
  model: LanguageModel,
  folder: string,
): Promise<{ readonly steering: PlannerSteering; readonly close: () => Promise<void> }> {
  const { planner, actor } = await openPlanner(model, folder);
  const reader = await openStateReader(model, planner.settings);
  return {
    steering: steerBy(model, planner, reader, deployed(planner, actor)),
    close: async () => {
      await reader.close();
      await actor?.actor.release();
      await planner.release();
    },
  };
}
