/** What the steps of a mend stage share. */
import { present } from '../../base/invariant.js';
import type { MendOptions, MendTrainingOptions } from '../../mending/options.js';
import type { LocalSpeakerOptions } from '../../speakers/localSpeaker.js';
import type { LocalTarget } from '../../speakers/targets/local.js';
import type { StageContext } from '../stageContext.js';
import type { MendedTarget, ModelPool } from '../../models/pool.js';

/** A mend stage of a recipe, or one round of it. */
export interface MendStage {
  /** 'mend', or 'mend-1' in round 1 of a loop. */
  readonly name: string;
  readonly options: MendOptions;
  /** What is mended; null for the recipe's own target. */
  readonly before: MendedTarget | null;
  /** Names under models/ of what its trainings make, in the recipe's order. */
  readonly models: readonly string[];
  /** Exploit stages whose rollouts are searched for failures. */
  readonly attacks: readonly string[];
}

export interface MendContext extends StageContext {
  readonly stage: MendStage;
  /** 'mend:mend-1': the steps' units are further parts of it. */
  readonly unit: string;
  /** Around what is mended; `pool` is around the recipe's own target. */
  readonly around: ModelPool;
  readonly target: LocalTarget;
  /** How the target reads and speaks. */
  readonly speaking: LocalSpeakerOptions;
}

/** Each training with the name of what it makes. */
export function namedTrainings({
  options,
  models,
}: MendStage): readonly { readonly model: string; readonly training: MendTrainingOptions }[] {
  return options.train.map((training, i) => ({ model: present(models[i], 'a name for each training'), training }));
}

/** Reports what is being done. */
export function tell(
  { progress, stage }: MendContext,
  phase: string,
  done: number,
  total: number,
  values: Readonly<Record<string, number>> = {},
): void {
  progress({ stage: stage.name, phase, done, total, unit: 'steps', values });
}
