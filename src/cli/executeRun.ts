/** Runs the stages of a recipe in a run directory, writes the report, and closes the directory with what became of it.
 */
import { join, relative } from 'node:path';
import { BudgetError, GadflyError, InterruptedError } from '../base/errors.js';
import { recipeStages, stagesLeftOut } from '../recipe/recipe.js';
import { playJobsHere } from '../dialogue/rollout/jobs.js';
import type { Recipe, RecipeStage } from '../recipe/recipe.js';
import type { LoadedRecipe } from '../recipe/readRecipe.js';
import type { JsonValue } from '../base/json.js';
import type { Report } from '../report/report.js';
import { RunDirectory } from '../runs/runDirectory.js';
import { runStages, runStagesOf } from '../stages/runStages.js';
import type { StageContext, StageProgress } from '../stages/stageContext.js';
import type { CommandContext, CommandResult } from './command.js';
import { exitCodes } from './exitCodes.js';
import { formatDuration } from '../base/quantities.js';
import { runText } from '../render/terminal/runText.js';
import { selectMainRows } from '../report/mainRows.js';
import { readReportView } from '../report/reportView.js';
import { renderHtml } from '../render/html/renderHtml.js';
import { hashInputs, openPool, requireFiles, requireModels } from './runSetup.js';

export type RunPlace =
  { readonly kind: 'new'; readonly folder: string } | { readonly kind: 'resume'; readonly folder: string };

/** @param only run the stages of this kind alone; a run with stages left stays open, as one that was interrupted
 *  @throws InterruptedError, BudgetError with how to go on; any other error leaves the run marked as failed */
export async function executeRun(
  loaded: LoadedRecipe,
  place: RunPlace,
  context: CommandContext,
  only: RecipeStage['kind'] | null = null,
): Promise<CommandResult> {
  requireFiles(loaded);
  requireModels(loaded);
  const { recipe, configuration, source } = loaded;
  const description = { name: recipe.name, seed: recipe.seed, configuration, source, inputs: await hashInputs(loaded) };
  const run =
    place.kind === 'new'
      ? RunDirectory.create(place.folder, description)
      : RunDirectory.resume(place.folder, description);
  const shown = relative(process.cwd(), run.path) || '.';
  context.log(`${place.kind === 'new' ? 'running' : 'resuming'} ${recipe.name} in ${shown}`);
  for (const { name, key } of stagesLeftOut(recipe))
    context.log(`${name} is left out: it has no data (--set ${key}=FILE)`);
  const pool = openPool(loaded, context, run.path);
  try {
    const stageContext: StageContext = {
      recipe,
      run,
      pool,
      interrupted: context.interrupted,
      clock: context.terminal.clock,
      playJobs: playJobsHere,
      progress: (event) => {
        context.progress.update({
          task: event.stage,
          done: event.done,
          total: event.total,
          unit: event.unit,
          note: noteOf(event),
        });
      },
    };
    const { report, left } =
      only === null ? { report: await runStages(stageContext), left: [] } : await runStagesOf(stageContext, only);
    context.progress.stop();
    if (left.length === 0) run.close('done');
    else run.close('interrupted', `stages left: ${left.join(', ')}`);
    await writeHtml(run.path);
    return resultOf(recipe, run, { shown, left }, report);
  } catch (error) {
    context.progress.stop();
    await closeAfter(run, error, context);
    throw withRemedy(error, shown);
  } finally {
    await pool.close();
  }
}

async function writeHtml(folder: string): Promise<void> {
  const { writeFileAtomic } = await import('../base/files.js');
  writeFileAtomic(join(folder, 'report.html'), renderHtml(await readReportView(folder)));
}

/** What was done is kept, with a page of what there is so far; trouble with that page must not hide the error itself.
 */
async function closeAfter(run: RunDirectory, error: unknown, context: CommandContext): Promise<void> {
  const stopped = error instanceof InterruptedError || error instanceof BudgetError;
  const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  try {
    run.close(stopped ? 'interrupted' : 'failed', reason);
    await writeHtml(run.path);
  } catch (second) {
    context.log(`also: ${second instanceof Error ? second.message : String(second)}`);
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
