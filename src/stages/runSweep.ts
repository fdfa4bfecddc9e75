/** Runs the points of a sweep one after the other, each an ordinary run in a directory of its own, and keeps
 *  sweep.json, the table and the picture over all of them. A point that fails is noted and the others go on; limits
 *  hold for each point by itself. For the command line and the library. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Clock, systemClock } from '../base/clock.js';
import { BudgetError, GadflyError, InterruptedError } from '../base/errors.js';
import { onDisk, removeTemporaries, writeFileAtomic } from '../base/files.js';
import { present } from '../base/invariant.js';
import { makeFolder } from '../base/makeFolder.js';
import type { LoadedRecipe } from '../recipe/readRecipe.js';
import { renderSweepHtml } from '../render/html/renderHtml.js';
import {
  newSweepFile,
  readSweepFile,
  sweepStatus,
  writeSweepFile,
  type SweepFile,
  type SweepPointState,
} from '../report/sweepFile.js';
import { gatherSweepView, type SweepView } from '../report/sweepView.js';
import type { ThresholdResult } from '../report/threshold.js';
import { takeLock } from '../runs/lock.js';
import { type RunOptions, type RunPlace, runRecipe } from './runRecipe.js';
import { refuseTaken, requireAll, sweepRecipes, type SweepStart } from './sweepRecipes.js';

/** The hooks of one point's run. */
export type PointHooks = Pick<RunOptions, 'onStart' | 'onProgress' | 'onEnd'>;

export interface SweepOptions extends Pick<
  RunOptions,
  'pool' | 'clock' | 'interrupted' | 'note' | 'sharing' | 'shard'
> {
  /** Called once the sweep's folder is open, before the first point. */
  readonly onStart?: (sweep: { readonly folder: string; readonly points: number }) => void;
  /** Called as a point begins; what it returns follows the point's run. */
  readonly onPoint?: (point: SweepPointState, loaded: LoadedRecipe) => PointHooks;
  /** Called in place of `onPoint` for a point that an earlier session has finished. */
  readonly onPassedOver?: (point: SweepPointState) => void;
  /** Called when a limit or an error has ended a point; the others go on. */
  readonly onPointFailed?: (point: SweepPointState, error: unknown) => void;
}

/** @returns the state of every point, and the tables over all
 *  @throws ConfigError before anything runs, InterruptedError with the state saved */
export async function runSweep(start: SweepStart, options: SweepOptions): Promise<SweepView> {
  const { clock = systemClock } = options;
  const folder = resolve(start.folder);
  const recipes = sweepRecipes(start);
  requireAll(recipes, new Set(Object.keys(options.pool.targets ?? {})));
  if (start.kind === 'new') {
    refuseTaken(folder, start.folder);
    onDisk(folder, () => {
      makeFolder(folder);
    });
  }
  const lock = takeLock(join(folder, 'sweep.lock'));
  try {
    removeTemporaries(folder);
    // Read under the lock: another process may have gone on meanwhile.
    const file = start.kind === 'new' ? newSweepFile(start.plan, clock.isoNow()) : readSweepFile(folder);
    const configurations = Object.fromEntries([...recipes].map(([name, { configuration }]) => [name, configuration]));
    options.onStart?.({ folder, points: file.points.length });
    return await runPoints(openSweep(folder, { ...file, configurations }, clock), recipes, options);
  } finally {
    lock.release();
  }
}

type Outcome = Pick<SweepPointState, 'status' | 'reason' | 'thresholdExceeded'>;

/** Keeps sweep.json and its page while the points go on. */
interface OpenSweep {
  readonly view: () => SweepView;
  readonly set: (name: string, outcome: Outcome) => void;
  readonly writePage: () => void;
}

function openSweep(folder: string, planned: SweepFile, clock: Clock): OpenSweep {
  let view = gatherSweepView(folder, planned);
  const keep = (points: readonly SweepPointState[]): void => {
    view = gatherSweepView(folder, { ...view.file, points, status: sweepStatus(points), updatedAt: clock.isoNow() });
    writeSweepFile(folder, view.file);
  };
  keep(planned.points);
  return {
    view: () => view,
    set: (name, outcome) => {
      keep(view.file.points.map((point) => (point.name === name ? { ...withoutOutcome(point), ...outcome } : point)));
    },
    writePage: () => {
      writeFileAtomic(join(folder, 'sweep.html'), renderSweepHtml(view));
    },
  };
}

async function runPoints(
  sweep: OpenSweep,
  recipes: ReadonlyMap<string, LoadedRecipe>,
  options: SweepOptions,
): Promise<SweepView> {
  const { folder, file } = sweep.view();
  const { pool, clock, interrupted, note, sharing, shard } = options;
  for (const point of file.points) {
    const { name, status } = point;
    if (status === 'done') {
      options.onPassedOver?.(point);
      continue;
    }
    if (interrupted?.() === true) throw stopped(folder);
    const loaded = present(recipes.get(name), 'every point has its recipe');
    const hooks = options.onPoint?.(point, loaded);
    const place = placeOf(join(folder, name));
    sweep.set(name, { status: 'running' });
    try {
      const { threshold } = await runRecipe(loaded, {
        pool,
        clock,
        interrupted,
        note,
        sharing,
        shard,
        ...hooks,
        place,
      });
      sweep.set(name, outcomeOf(threshold));
    } catch (error) {
      sweep.set(name, { status: statusAfter(error), reason: reasonOf(error) });
      if (error instanceof InterruptedError) throw stopped(folder, error);
      options.onPointFailed?.(point, error);
    } finally {
      sweep.writePage();
    }
  }
  return sweep.view();
}

function placeOf(folder: string): RunPlace {
  return { kind: existsSync(join(folder, 'manifest.json')) ? 'resume' : 'new', folder };
}

function outcomeOf({ exceeded, withoutValue }: ThresholdResult): Outcome {
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

function withoutOutcome({ reason, thresholdExceeded, ...point }: SweepPointState): SweepPointState {
  return point;
}

function stopped(folder: string, cause?: unknown): InterruptedError {
  return new InterruptedError('stopped as asked; the state is saved', { where: folder, cause });
}
