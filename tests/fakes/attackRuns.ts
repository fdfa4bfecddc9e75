/** Runs of one exploit stage on the tiny model: played whole, killed on the way, taken up again. */
import { runStages } from '../../src/stages/runStages.js';
import { tinyContext, type TinyFiles, tinyRecipe } from './tinyPool.js';
import { countingJudge, freshFolder, openTinyRun } from './tinyRuns.js';

export interface AttackRunOptions {
  /** Changes of the recipe beside its stage. */
  readonly changes?: Readonly<Record<string, unknown>>;
  /** Default: a fresh one. */
  readonly folder?: string;
  /** Calls of the judge after which the run is killed; default never. */
  readonly killAt?: number;
  /** Whether the user has asked to stop; asked between steps. */
  readonly interrupted?: () => boolean;
}

/** Plays the stage. @returns the run's folder */
export async function playAttack(
  files: TinyFiles,
  exploit: object,
  { changes = {}, folder = freshFolder(), killAt, interrupted }: AttackRunOptions = {},
): Promise<string> {
  const recipe = tinyRecipe([{ exploit }], changes);
  const run = openTinyRun(recipe, folder);
  try {
    await runStages(
      tinyContext(files, recipe, run, {
        ...(killAt === undefined ? {} : { judge: countingJudge(killAt) }),
        ...(interrupted === undefined ? {} : { interrupted }),
      }),
    );
  } catch (error) {
    run.close('failed', 'killed');
    throw error;
  }
  run.close('done');
  return folder;
}

/** Takes up a run that was killed, and plays it to its end. */
export async function resumeAttack(
  files: TinyFiles,
  exploit: object,
  folder: string,
  { interrupted, changes = {} }: Pick<AttackRunOptions, 'interrupted' | 'changes'> = {},
): Promise<void> {
  const recipe = tinyRecipe([{ exploit }], changes);
  const run = openTinyRun(recipe, folder, 'resume');
  try {
    await runStages(tinyContext(files, recipe, run, interrupted === undefined ? {} : { interrupted }));
  } catch (error) {
    run.close('failed', 'killed');
    throw error;
  }
  run.close('done');
}
