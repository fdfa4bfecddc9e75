/** Runs a recipe from start to report: the one open → run → render → close for the command line and the library. */
import { join } from 'node:path';
import { type Clock, systemClock } from '../base/clock.js';
import { BudgetError, InterruptedError } from '../base/errors.js';
import { writeFileAtomic } from '../base/files.js';
import { type PlayJobs, playJobsHere } from '../dialogue/rollout/jobs.js';
import { playPartsHere } from '../dialogue/rollout/shards.js';
import { openModelPool, type ModelPoolOptions } from '../models/pool.js';
import { type LoadedRecipe, withLaterDefaults } from '../recipe/readRecipe.js';
import { type Recipe, recipeStages, stagesLeftOut } from '../recipe/recipe.js';
import type { StageKindName } from '../recipe/stages/all.js';
import { renderHtml } from '../render/html/renderHtml.js';
import type { Report } from '../report/report.js';
import { readReportView } from '../report/reportView.js';
import { judgeThreshold, type ThresholdResult } from '../report/threshold.js';
import { RunDirectory } from '../runs/runDirectory.js';
import type { RunDescription } from '../runs/runDescription.js';
import { hashInputs, requireFiles, requireKeys, requireModels } from './runInputs.js';
import { openLimits } from './limits.js';
import { runStages, runStagesOf } from './runStages.js';
import { defaultDialogues, type SharedRun, type Sharing, workersText } from './sharing/sharing.js';
import type { StageContext, StageProgress } from './stageContext.js';

export type RunPlace =
  { readonly kind: 'new'; readonly folder: string } | { readonly kind: 'resume'; readonly folder: string };

export interface RunOptions {
  readonly place: RunPlace;
  /** Settings of the model pool. */
  readonly pool: Omit<ModelPoolOptions, 'recipe' | 'folder' | 'runFolder' | 'note' | 'spending' | 'beforeRequest'>;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
  /** True once the user asked to stop. */
  readonly interrupted?: (() => boolean) | undefined;
  /** Called once the run directory is open, before the first stage. */
  readonly onStart?: ((run: RunDirectory, began: RunPlace['kind']) => void) | undefined;
  readonly onProgress?: ((event: StageProgress) => void) | undefined;
  /** Called when the run is done and marked as such, before its page is written. */
  readonly onDone?: ((run: RunDirectory) => void) | undefined;
  /** Called when the stages have ended, well or not, before the report is written. */
  readonly onEnd?: (() => void) | undefined;
  /** Called with messages for the run's log, in sentences. */
  readonly note?: ((text: string) => void) | undefined;
  /** Shares the dialogues out over workers; null plays them here. */
  readonly sharing?: Sharing | null | undefined;
  /** Dialogues that are played together, at most; null or absent: as many as a stage asks for. With `sharing` those of a
   *  job. */
  readonly shard?: number | null | undefined;
  /** The only kind of stage to run; a run with stages left stays open, like one that was interrupted. */
  readonly only?: StageKindName | null;
}

export interface FinishedRun {
  readonly run: RunDirectory;
  /** The report; null where no stage writes one. */
  readonly report: Report | null;
  /** Names of the stages that are left. */
  readonly left: readonly string[];
  /** How the main rows stand to the recipe's `failOver`. */
  readonly threshold: ThresholdResult;
}

/** Runs the stages in a run directory, writes report.html, and closes the directory with the final status.
 *  @throws ConfigError before anything is written; InterruptedError, BudgetError with the state saved; any other error
 *    leaves the run marked as failed */
export async function runRecipe(loaded: LoadedRecipe, options: RunOptions): Promise<FinishedRun> {
  const { place, only = null } = options;
  const { clock = systemClock, interrupted = (): boolean => false } = options;
  const { note = ignore, onProgress = ignore, onEnd = ignore, onDone = ignore } = options;
  requireFiles(loaded);
  const { targets = {}, judges = {}, environment = process.env } = options.pool;
  requireModels(loaded, new Set(Object.keys(targets)));
  requireKeys(loaded, environment, new Set([targets, judges].flatMap((given) => Object.keys(given))));
  const { recipe, configuration, source } = loaded;
  const description: RunDescription = {
    name: recipe.name,
    seed: recipe.seed,
    configuration,
    source,
    inputs: await hashInputs(loaded),
    withLaterDefaults,
  };
  const run =
    place.kind === 'new'
      ? RunDirectory.create(place.folder, description)
      : RunDirectory.resume(place.folder, description);
  options.onStart?.(run, place.kind);
  for (const { name, key } of stagesLeftOut(recipe)) note(`${name} is left out: it has no data (--set ${key}=FILE)`);
  const limits = openLimits(run, recipe.limits, interrupted);
  const pool = openModelPool({
    ...options.pool,
    recipe,
    folder: source.folder,
    runFolder: run.path,
    note,
    spending: run.spending,
    beforeRequest: limits.mayGoOn,
  });
  const base = { recipe, run, pool, limits, clock, progress: onProgress };
  let shared: SharedRun | null = null;
  try {
    shared = await openShared(options, base);
    const context: StageContext = { ...base, playJobs: shared?.playJobs ?? playHere(options.shard ?? null) };
    const { report, left } =
      only === null ? { report: await runStages(context), left: [] } : await runStagesOf(context, only);
    onEnd();
    await shared?.close(left.length === 0);
    shared = null;
    if (left.length === 0) {
      run.close('done');
      onDone(run);
    } else run.close('interrupted', `stages left: ${left.join(', ')}`);
    await writeHtml(run.path);
    return { run, report, left, threshold: thresholdOf(recipe, report) };
  } catch (error) {
    onEnd();
    await closeAfter(run, error, note);
    throw error;
  } finally {
    // A queue that is lost must not hide why the run ended.
    await shared?.close(false).catch(() => undefined);
    await pool.close();
  }
}

function playHere(shard: number | null): PlayJobs {
  return shard === null ? playJobsHere : playPartsHere(shard);
}

/** Shares the run, with its progress beside that of its stages. */
async function openShared(
  { sharing = null, shard, note = ignore }: RunOptions,
  { run, pool, limits, progress }: Omit<StageContext, 'playJobs'>,
): Promise<SharedRun | null> {
  if (sharing === null) return null;
  return sharing.shareRun(shard ?? defaultDialogues, {
    run,
    pool,
    limits,
    note,
    onProgress: ({ done, total, workers }) => {
      progress({ stage: 'jobs', phase: workersText(workers), done, total, unit: 'jobs', values: {} });
    },
  });
}

/** How the main rows of a report stand to the recipe's `failOver`. */
export function thresholdOf(recipe: Recipe, report: Report | null): ThresholdResult {
  const [limit = null] = recipeStages(recipe).flatMap(({ traits }) => traits.failOver ?? []);
  return judgeThreshold(report ?? { rows: [] }, { metric: 'replyFailureRate', limit });
}

const ignore = (): void => undefined;

async function writeHtml(folder: string): Promise<void> {
  writeFileAtomic(join(folder, 'report.html'), renderHtml(await readReportView(folder)));
}

/** Closes a run after an error, with a page of the results so far; a failure to write that page must not hide the error. */
async function closeAfter(run: RunDirectory, error: unknown, note: (text: string) => void): Promise<void> {
  const isStopped = error instanceof InterruptedError || error instanceof BudgetError;
  const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  try {
    run.close(isStopped ? 'interrupted' : 'failed', reason);
    await writeHtml(run.path);
  } catch (second) {
    note(`also: ${second instanceof Error ? second.message : String(second)}`);
  }
}
