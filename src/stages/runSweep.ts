/** Runs the points of a sweep one after the other, each an ordinary run in a directory of its own, and keeps
 *  sweep.json, the table and the picture over all of them. A point that fails is noted and the others go on; limits
 *  hold for each point by itself. For the command line and the library. */
import { join, resolve } from 'node:path';
import { type Clock, systemClock } from '../base/clock.js';
import { InterruptedError } from '../base/errors.js';
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
  type PointOutcome,
} from '../report/sweepFile.js';
import { gatherSweepView, type SweepView } from '../report/sweepView.js';
import { takeLock } from '../runs/lock.js';
import { outcomeAfter, playPoint } from './playPoint.js';
import type { RunOptions } from './runRecipe.js';
import type { SharedProgress, Sharing } from './sharing/sharing.js';
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
  /** Called while workers do points, where they are shared out. */
  readonly onShared?: (progress: SharedProgress) => void;
  /** Called when a worker has ended a point. */
  readonly onOutcome?: (point: SweepPointState, outcome: PointOutcome) => void;
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
    const sweep = openSweep(folder, { ...file, configurations }, clock);
    const { sharing = null } = options;
    return await (sharing === null ? runPoints(sweep, recipes, options) : sharePoints(sweep, sharing, options));
  } finally {
    lock.release();
  }
}

/** Keeps sweep.json and its page while the points go on. */
interface OpenSweep {
  readonly view: () => SweepView;
  readonly set: (name: string, outcome: PointOutcome) => void;
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
  const { pool, clock, interrupted, note, shard } = options;
  for (const point of file.points) {
    const { name, status } = point;
    if (status === 'done') {
      options.onPassedOver?.(point);
      continue;
    }
    if (interrupted?.() === true) throw stopped(folder);
    const loaded = present(recipes.get(name), 'every point has its recipe');
    const hooks = options.onPoint?.(point, loaded);
    sweep.set(name, { status: 'running' });
    try {
      sweep.set(name, await playPoint(loaded, join(folder, name), { pool, clock, interrupted, note, shard, ...hooks }));
    } catch (error) {
      sweep.set(name, outcomeAfter(error));
      if (error instanceof InterruptedError) throw stopped(folder, error);
      options.onPointFailed?.(point, error);
    } finally {
      sweep.writePage();
    }
  }
  return sweep.view();
}

/** Shares the points out over workers, each of which runs one whole in the folder of the sweep. */
async function sharePoints(sweep: OpenSweep, sharing: Sharing, options: SweepOptions): Promise<SweepView> {
  const { folder, file } = sweep.view();
  const { interrupted, note = ignore, shard = null } = options;
  const left = file.points.filter(({ status }) => status !== 'done');
  for (const point of file.points) if (point.status === 'done') options.onPassedOver?.(point);
  try {
    await sharing.sharePoints({
      folder,
      file,
      points: left,
      shard,
      note,
      mayGoOn: () => {
        if (interrupted?.() === true) throw stopped(folder);
      },
      onProgress: options.onShared ?? ignore,
      onOutcome: (point, outcome) => {
        sweep.set(point.name, outcome);
        sweep.writePage();
        options.onOutcome?.(point, outcome);
      },
    });
  } finally {
    sweep.writePage();
  }
  return sweep.view();
}

const ignore = (): void => undefined;

function withoutOutcome({ reason, thresholdExceeded, ...point }: SweepPointState): SweepPointState {
  return point;
}

function stopped(folder: string, cause?: unknown): InterruptedError {
  return new InterruptedError('stopped as asked; the state is saved', { where: folder, cause });
}
