/** How a run or a sweep is shared out over workers, as those that start one pass it on. Nothing here names the packages of
 *  the queue, which are optional: the types of the library must not need them. */
import type { PlayJobs } from '../../dialogue/rollout/jobs.js';
import type { ModelPool } from '../../models/pool.js';
import type { PointOutcome, SweepFile, SweepPointState } from '../../report/sweepFile.js';
import type { RunDirectory } from '../../runs/runDirectory.js';
import type { RunLimits } from '../limits.js';

export interface Sharing {
  /** Shares the dialogues of a run. @param dialogues per job
   *  @throws EnvironmentError when the queue is lost */
  readonly shareRun: (dialogues: number, options: SharedRunOptions) => Promise<SharedRun>;
  /** Shares the points of a sweep.
   *  @throws EnvironmentError when the queue is lost, whatever `mayGoOn` throws */
  readonly sharePoints: (options: PointsToShare) => Promise<void>;
}

export interface SharedProgress {
  readonly done: number;
  readonly total: number;
  readonly workers: number;
}

export interface SharedRun {
  readonly playJobs: PlayJobs;
  /** @param isDone false for a run that goes on later */
  readonly close: (isDone: boolean) => Promise<void>;
}

export interface SharedRunOptions {
  readonly run: RunDirectory;
  readonly pool: ModelPool;
  readonly limits: RunLimits;
  readonly note: (text: string) => void;
  /** Called while jobs are done. */
  readonly onProgress: (progress: SharedProgress) => void;
}

export interface PointsToShare {
  /** Folder of the sweep. */
  readonly folder: string;
  readonly file: Pick<SweepFile, 'name' | 'createdAt' | 'updatedAt'>;
  readonly points: readonly SweepPointState[];
  /** Dialogues that are played together; null: as many as a stage asks for. */
  readonly shard: number | null;
  readonly note: (text: string) => void;
  readonly mayGoOn: () => void;
  readonly onProgress: (progress: SharedProgress) => void;
  readonly onOutcome: (point: SweepPointState, outcome: PointOutcome) => void;
}

/** Dialogues per job, where nothing else is said. */
export const defaultDialogues = 8;

/** The number of workers in words. */
export function workersText(workers: number): string {
  return workers === 0 ? 'no worker yet' : workers === 1 ? '1 worker' : `${String(workers)} workers`;
}
