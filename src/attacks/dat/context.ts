/** All parts of dialogue action tokens work with this. */
import type { PlannerSettings } from '../../learning/planner/plannerSettings.js';
import type { StateReader } from '../../learning/planner/states.js';
import type { AttackContext, SteeredSpeaker } from '../attack.js';

export interface DatContext extends AttackContext {
  readonly speaker: SteeredSpeaker;
  readonly settings: PlannerSettings;
  readonly reader: StateReader;
}
