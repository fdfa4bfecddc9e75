/** Runs one point of a sweep to its end, or goes on with it: an ordinary run, whose outcome the sweep keeps. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BudgetError, GadflyError, InterruptedError } from '../base/errors.js';
import type { LoadedRecipe } from '../recipe/readRecipe.js';
import { readReportView } from '../report/reportView.js';
import type { PointOutcome, SweepPointState } from '../report/sweepFile.js';
import type { ThresholdResult } from '../report/threshold.js';
import { readManifest } from '../runs/manifest.js';
import { type RunOptions, type RunPlace, runRecipe, thresholdOf } from './runRecipe.js';

/** @throws InterruptedError, BudgetError with the state saved; any other error leaves the run marked as failed */
export async function playPoint(
  loaded: LoadedRecipe,
  folder: string,
  options: Omit<RunOptions, 'place'>,
): Promise<PointOutcome> {
  const { threshold } = await runRecipe(loaded, { ...options, place: placeOf(folder) });
  return outcomeOf(threshold);
}

/** The outcome of a point that was done before; null for one that is not. */
export async function knownOutcome({ recipe }: LoadedRecipe, folder: string): Promise<PointOutcome | null> {
  if (!existsSync(join(folder, 'manifest.json')) || readManifest(folder).status !== 'done') return null;
  const report = existsSync(join(folder, 'report.json')) ? (await readReportView(folder)).report : null;
  return outcomeOf(thresholdOf(recipe, report));
}

/** The outcome of a point whose run ended with an error. */
export function outcomeAfter(error: unknown): PointOutcome {
  return { status: statusAfter(error), reason: reasonOf(error) };
}

function placeOf(folder: string): RunPlace {
  return { kind: existsSync(join(folder, 'manifest.json')) ? 'resume' : 'new', folder };
}

function outcomeOf({ exceeded, withoutValue }: ThresholdResult): PointOutcome {
  if (exceeded.length > 0) return { status: 'done', thresholdExceeded: exceeded.map(({ name }) => name) };
  return withoutValue.length > 0
    ? { status: 'done', reason: 'a row has no scored reply, so there is no rate' }
    : { status: 'done' };
}

function statusAfter(error: unknown): SweepPointState['status'] {
  if (error instanceof InterruptedError) return 'interrupted';
  return error instanceof BudgetError ? 'stopped' : 'failed';
}

/** One line: what went wrong, and with what. */
function reasonOf(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  const got = error instanceof GadflyError ? error.details.got : undefined;
  return got === undefined ? line : `${line}: ${got}`;
}
