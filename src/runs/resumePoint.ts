/** From where an interrupted run goes on: its newest state that the logs still hold in full. */
import type { RunCheckpoint } from './checkpoints.js';
import type { CompletedUnit } from './manifest.js';
import { isAtLeast, type Positions } from './runLogs.js';

export interface ResumePoint {
  readonly completed: readonly CompletedUnit[];
  /** Checkpoints that cannot be continued exactly, or whose unit is finished. */
  readonly dropped: readonly RunCheckpoint[];
  /** The logs are cut back to these. */
  readonly positions: Positions;
  /** Total that the run had spent by then; null where an earlier version did not note it. */
  readonly spent: Readonly<Record<string, number>> | null;
}

/** Finds the newest unit or checkpoint that saw no more records than survived.
 *  @param here the logs as they were found
 *  @param checkpoints by step */
export function findResumePoint(
  here: Positions,
  {
    completed,
    checkpoints,
  }: { readonly completed: readonly CompletedUnit[]; readonly checkpoints: readonly RunCheckpoint[] },
): ResumePoint {
  const whole = completed.slice(0, completed.findLastIndex((entry) => isAtLeast(here, entry.positions)) + 1);
  const done = new Set(whole.map(({ unit }) => unit));
  const last = whole.at(-1);
  let positions = last?.positions ?? {};
  let spent = last === undefined ? {} : (last.spent ?? null);
  const dropped: RunCheckpoint[] = [];
  for (const checkpoint of checkpoints) {
    const isWhole = isAtLeast(here, checkpoint.positions) && isAtLeast(checkpoint.positions, positions);
    if (done.has(checkpoint.unit) || !isWhole) dropped.push(checkpoint);
    else ({ positions, spent } = checkpoint);
  }
  return { completed: whole, dropped, positions, spent };
}
