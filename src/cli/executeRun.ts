/** Runs a recipe for the command line: progress, what is printed at the end, and how to go on after a stop. */
import { join, relative } from 'node:path';
import { BudgetError, GadflyError, InterruptedError } from '../base/errors.js';
import { recipeStages } from '../recipe/recipe.js';
import type { Recipe, RecipeStage } from '../recipe/recipe.js';
import type { LoadedRecipe } from '../recipe/readRecipe.js';
import type { JsonValue } from '../base/json.js';
import type { Report } from '../report/report.js';
import type { RunDirectory } from '../runs/runDirectory.js';
import type { StageProgress } from '../stages/stageContext.js';
import type { CommandContext, CommandResult } from './command.js';
import { exitCodes } from './exitCodes.js';
import { formatDuration } from '../base/quantities.js';
import { runText } from '../render/terminal/runText.js';
import { selectMainRows } from '../report/mainRows.js';
import { type RunPlace, runRecipe } from '../stages/runRecipe.js';
import { poolSettings } from './poolSettings.js';

/** @param only run the stages of this kind alone; a run with stages left stays open, as one that was interrupted
 *  @throws InterruptedError, BudgetError with how to go on; any other error leaves the run marked as failed */
export async function executeRun(
  loaded: LoadedRecipe,
  place: RunPlace,
  context: CommandContext,
  only: RecipeStage['kind'] | null = null,
): Promise<CommandResult> {
  const { progress, log, terminal, interrupted } = context;
  let shown: string | null = null;
  try {
    const { run, report, left } = await runRecipe(loaded, {
      place,
      only,
      interrupted,
      clock: terminal.clock,
      note: log,
      pool: poolSettings(context),
      onStart: ({ path }) => {
        shown = relative(process.cwd(), path) || '.';
        log(`${place.kind === 'new' ? 'running' : 'resuming'} ${loaded.recipe.name} in ${shown}`);
      },
      onProgress: (event) => {
        const { stage, done, total, unit } = event;
        progress.update({ task: stage, done, total, unit, note: noteOf(event) });
      },
      onEnd: () => {
        progress.stop();
      },
    });
    return resultOf(loaded.recipe, run, { shown: shown ?? run.path, left }, report);
  } catch (error) {
    throw shown === null ? error : withRemedy(error, shown);
  }
}

function withRemedy(error: unknown, folder: string): unknown {
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

function resultOf(
  recipe: Recipe,
  run: RunDirectory,
  { shown, left }: { readonly shown: string; readonly left: readonly string[] },
  report: Report | null,
): CommandResult {
  const failOver = recipeStages(recipe).flatMap(({ traits }) => traits.failOver ?? [])[0];
  const rows = report?.rows ?? [];
  const { loop = [] } = report ?? {};
  const mainRows = report === null ? [] : selectMainRows(report).rows;
  const over =
    failOver === undefined ? [] : mainRows.filter(({ metrics }) => (metrics['replyFailureRate']?.mean ?? 0) > failOver);
  // Without a single scored reply there is no rate, and no rate is no pass.
  const blind = mainRows.filter(({ metrics }) => metrics['replyFailureRate'] === undefined);
  const found = report === null ? '' : runText(report);
  const lines = [
    ...(found === '' ? [] : [found]),
    ...over.map(
      ({ name, metrics }) =>
        `${name} exceeds failOver ${failOver}: ${((metrics['replyFailureRate']?.mean ?? 0) * 100).toFixed(1)}% of replies failed`,
    ),
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
      thresholdExceeded: over.map(({ name }) => name),
      files: { report: join(run.path, 'report.json'), html: join(run.path, 'report.html') },
    },
    text: lines.join('\n'),
    exitCode: over.length > 0 ? exitCodes.thresholdExceeded : blind.length > 0 ? exitCodes.error : exitCodes.ok,
  };
}
