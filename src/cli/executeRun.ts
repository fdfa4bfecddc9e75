/** Runs a recipe for the command line: progress, what is printed at the end, and how to go on after a stop. */
import { join, relative } from 'node:path';
import { BudgetError, GadflyError, InterruptedError, WaitingError } from '../base/errors.js';
import type { Recipe, RecipeStage } from '../recipe/recipe.js';
import type { LoadedRecipe } from '../recipe/readRecipe.js';
import type { JsonValue } from '../base/json.js';
import type { StageProgress } from '../stages/stageContext.js';
import type { CommandContext, CommandResult } from './command.js';
import { exitCodes } from './exitCodes.js';
import { formatDuration } from '../base/quantities.js';
import { runText } from '../render/terminal/runText.js';
import { type FinishedRun, type RunOptions, type RunPlace, runRecipe } from '../stages/runRecipe.js';
import { exceededSentence } from '../report/threshold.js';
import { poolSettings } from './poolSettings.js';
import type { SharingSettings } from './sharing.js';

/** @param only run the stages of this kind alone; a run with stages left stays open, as one that was interrupted
 *  @throws InterruptedError, BudgetError with how to go on; any other error leaves the run marked as failed */
export async function executeRun(
  loaded: LoadedRecipe,
  place: RunPlace,
  context: CommandContext,
  { only = null, ...sharing }: SharingSettings & { readonly only?: RecipeStage['kind'] | null } = {},
): Promise<CommandResult> {
  const hooks = runHooks(loaded, context);
  let shown: string | null = null;
  try {
    const finished = await runRecipe(loaded, {
      ...runSettings(context),
      ...sharing,
      ...hooks,
      place,
      only,
      onStart: (run, began) => {
        shown = shownPath(run.path);
        hooks.onStart(run, began);
      },
      onDone: (run) => {
        context.noteDone(`See it with \`gadfly report ${shownPath(run.path)}\`.`);
      },
    });
    return resultOf(loaded.recipe, finished, shownPath(finished.run.path));
  } catch (error) {
    throw shown === null ? error : withRemedy(error, shown);
  }
}

/** How the command line runs anything. */
export function runSettings(context: CommandContext): Pick<RunOptions, 'pool' | 'clock' | 'interrupted' | 'note'> {
  const { terminal, interrupted, log } = context;
  return { pool: poolSettings(context), clock: terminal.clock, interrupted, note: log };
}

type RunHooks = { readonly [Name in 'onStart' | 'onProgress' | 'onEnd']: NonNullable<RunOptions[Name]> };

/** Follows a run in the terminal. @param prefix stands before every stage's name */
export function runHooks({ recipe }: LoadedRecipe, { progress, log }: CommandContext, prefix = ''): RunHooks {
  return {
    onStart: ({ path }, began) => {
      log(`${began === 'new' ? 'running' : 'resuming'} ${recipe.name} in ${shownPath(path)}`);
    },
    onProgress: (event) => {
      const { stage, done, total, unit } = event;
      progress.update({ task: `${prefix}${stage}`, done, total, unit, note: noteOf(event) });
    },
    onEnd: () => {
      progress.stop();
    },
  };
}

/** A folder as people of this working directory would name it. */
export function shownPath(folder: string): string {
  return relative(process.cwd(), folder) || '.';
}

/** @param folder where the run, or the sweep, is kept */
export function withRemedy(error: unknown, folder: string): unknown {
  if (error instanceof WaitingError) {
    const { where: _, remedy: __, ...details } = error.details;
    return new WaitingError('this run waits for labels; the state is saved', {
      ...details,
      where: folder,
      remedy: `Label with \`gadfly label ${folder}\`, then go on with \`gadfly run --resume ${folder}\`.`,
      cause: error,
    });
  }
  if (error instanceof InterruptedError)
    return new InterruptedError('stopped as asked; the state is saved', {
      where: folder,
      remedy: `Go on with \`gadfly run --resume ${folder}\`.`,
      cause: error,
    });
  if (error instanceof BudgetError) {
    const { where = 'limits', got } = error.details;
    return new BudgetError('a limit of the recipe is reached; the state is saved', {
      where,
      ...(got === undefined ? {} : { got }),
      remedy: `Go on with \`gadfly run --resume ${folder} --set ${where}=MORE\`.`,
      cause: error,
    });
  }
  if (error instanceof GadflyError || !(error instanceof Error)) return error;
  return new GadflyError(
    'unexpected',
    `${error.message} (the run is kept: \`gadfly run --resume ${folder}\` goes on from its last checkpoint)`,
    { cause: error },
  );
}

function noteOf({ phase, values }: StageProgress): string {
  const shown = ['reward', 'rollout/reward', 'dev/reward', 'loss', 'rewards/accuracies'].flatMap((name) => {
    const value = values[name];
    return value === undefined ? [] : [`${name} ${value.toPrecision(3)}`];
  });
  return [phase, ...shown].join(' · ');
}

function resultOf(recipe: Recipe, { run, report, left, threshold }: FinishedRun, shown: string): CommandResult {
  const rows = report?.rows ?? [];
  const { exceeded, withoutValue } = threshold;
  const { loop = [] } = report ?? {};
  const found = report === null ? '' : runText(report);
  const lines = [
    ...(found === '' ? [] : [found]),
    ...exceeded.map((row) => exceededSentence(row, threshold)),
    ...(left.length === 0 ? [] : [`stages left: ${left.join(', ')}`]),
    `done in ${formatDuration(run.elapsedMs / 1000)}; report: ${join(shown, 'report.html')}`,
  ];
  return {
    json: {
      out: run.path,
      name: recipe.name,
      status: run.manifest.status,
      ...(left.length === 0 ? {} : { left: [...left] }),
      seed: recipe.seed,
      rows: rows as unknown as JsonValue,
      ...(loop.length === 0 ? {} : { loop: loop as unknown as JsonValue }),
      thresholdExceeded: exceeded.map(({ name }) => name),
      files: { report: join(run.path, 'report.json'), html: join(run.path, 'report.html') },
    },
    text: lines.join('\n'),
    exitCode:
      exceeded.length > 0 ? exitCodes.thresholdExceeded : withoutValue.length > 0 ? exitCodes.error : exitCodes.ok,
  };
}
