/** The context that a stage is given: the recipe, the run directory it writes, the pool that opens models and data, and ways to
 *  report and stop. */
import type { Clock } from '../base/clock.js';
import type { PlayJobs } from '../dialogue/rollout/jobs.js';
import type { Recipe } from '../recipe/recipe.js';
import type { RunDirectory } from '../runs/runDirectory.js';
import type { RunLimits } from './limits.js';
import type { ModelPool } from '../models/pool.js';

export interface StageContext {
  readonly recipe: Recipe;
  readonly run: RunDirectory;
  readonly pool: ModelPool;
  /** Plays dialogues, in this process or elsewhere. */
  readonly playJobs: PlayJobs;
  /** Ends the work where the user asked to stop or a limit is reached. */
  readonly limits: RunLimits;
  readonly progress: (event: StageProgress) => void;
  readonly clock: Clock;
}

export interface StageProgress {
  /** Name of the stage: 'ipo', 'sft', 'evaluate' … */
  readonly stage: string;
  /** Phase of the stage: 'rollout', 'train', 'dev', 'draw', or the name of a row. */
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  readonly unit: 'epochs' | 'rows' | 'steps' | 'samples' | 'prompts' | 'dialogues' | 'jobs';
  /** Latest values to show. */
  readonly values: Readonly<Record<string, number>>;
}
