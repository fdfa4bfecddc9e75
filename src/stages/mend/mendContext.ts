/** The context that the steps of a mend stage share. */
import { present } from '../../base/invariant.js';
import type { MendOptions, MendTrainingOptions } from '../../mending/options.js';
import type { LocalSpeakerOptions } from '../../speakers/localSpeaker.js';
import type { LocalTarget } from '../../speakers/targets/local.js';
import type { StageContext } from '../stageContext.js';
import type { MendedTarget, ModelPool } from '../../models/pool.js';

/** A mend stage of a recipe, or one round of it. */
export interface MendStage {
  /** Name of the stage: 'mend', or 'mend-1' in round 1 of a loop. */
  readonly name: string;
  readonly options: MendOptions;
  /** The target that is mended, when an earlier round made it; null for the recipe's own target. */
  readonly before: MendedTarget | null;
  /** Names under models/ of the models that its trainings make, in the recipe's order. */
  readonly models: readonly string[];
  /** Exploit stages whose rollouts are searched for failures. */
  readonly attacks: readonly string[];
}

export interface MendContext extends StageContext {
  readonly stage: MendStage;
  /** Key of the stage's unit, 'mend:mend-1'; the keys of its steps begin with it. */
  readonly unit: string;
  /** The pool around the target that is mended; `pool` is around the recipe's own target. */
  readonly around: ModelPool;
  readonly target: LocalTarget;
  /** Format and sampler of the target. */
  readonly speaking: LocalSpeakerOptions;
}

/** Returns each training with the name of the model that it makes. */
export function namedTrainings({
  options,
  models,
}: MendStage): readonly { readonly model: string; readonly training: MendTrainingOptions }[] {
  return options.train.map((training, i) => ({ model: present(models[i], 'a name for each training'), training }));
}

/** Reports progress. */
export function tell(
  { progress, stage }: MendContext,
  phase: string,
  done: number,
  total: number,
  values: Readonly<Record<string, number>> = {},
): void {
  progress({ stage: stage.name, phase, done, total, unit: 'steps', values });
}
