/** Gathers the view of a sweep from its folder: sweep.json, and the report of every point that has one. Reading only.
 */
import { join, resolve } from 'node:path';
import { existsSync } from 'node:fs';
import { openRun } from '../runs/openRun.js';
import { parseReport, type Report } from './report.js';
import { readSweepFile, type SweepFile, type SweepPointState } from './sweepFile.js';
import { sweepTables, type MeasuredPoint } from './sweepTables.js';

export interface SweepView {
  /** Absolute. */
  readonly folder: string;
  /** With the tables as the points' reports are now. */
  readonly file: SweepFile;
  /** The swept key that is the recipe's seed: points that differ in it alone are repeats. */
  readonly seedKey: string | null;
}

/** @throws ConfigError when the folder holds no sweep, FormatError when a file of it is damaged */
export function readSweepView(path: string): SweepView {
  const folder = resolve(path);
  return gatherSweepView(folder, readSweepFile(folder));
}

/** Gathers the tables of a sweep whose file is at hand. */
export function gatherSweepView(folder: string, file: SweepFile): SweepView {
  const measured: readonly MeasuredPoint[] = readReportsOf(folder, file);
  return {
    folder,
    file: { ...file, tables: sweepTables(measured) },
    seedKey: file.keys.find(({ path: at }) => at.length === 1 && at[0] === 'seed')?.key ?? null,
  };
}

/** A point of a sweep that has a report. */
export type ReportedPoint = SweepPointState & { readonly report: Report };

/** Reads the points of a sweep that have a report. @throws ConfigError, FormatError */
export function readPointReports(path: string): readonly ReportedPoint[] {
  const folder = resolve(path);
  return readReportsOf(folder, readSweepFile(folder));
}

function readReportsOf(folder: string, { points }: SweepFile): readonly ReportedPoint[] {
  return points.flatMap((point): readonly ReportedPoint[] => {
    const run = join(folder, point.folder);
    if (!existsSync(join(run, 'manifest.json'))) return [];
    const { report } = openRun(run);
    return report === null ? [] : [{ ...point, report: parseReport(report, join(run, 'report.json')) }];
  });
}

/** Tells what a reader must know of points that are not done, or done with a reservation. */
export function pointNotes(points: readonly SweepPointState[]): readonly string[] {
  return points.flatMap(({ name, status, reason, thresholdExceeded = [] }) => [
    ...(status === 'done' && reason === undefined
      ? []
      : [`${name}: ${status}${reason === undefined ? '' : `: ${reason}`}`]),
    ...(thresholdExceeded.length === 0 ? [] : [`${name}: over failOver: ${thresholdExceeded.join(', ')}`]),
  ]);
}
