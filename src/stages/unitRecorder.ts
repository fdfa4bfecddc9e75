/** Records one unit of a run while it works: its checkpoints, lines of metrics and end. The run counts steps over all its
 *  units, a unit counts its own; the sum is taken here alone. */
import { invariant } from '../base/invariant.js';
import type { JsonObject } from '../base/json.js';
import { spentCounts } from '../base/spending.js';
import type { Origin } from '../dialogue/records.js';
import type { CheckpointHooks, TrainingMoment } from '../learning/trainers/trainEpochs.js';
import { readState } from '../runs/checkpoints.js';
import type { RunDirectory } from '../runs/runDirectory.js';

/** Moments and steps are those of the unit. */
export interface UnitRecorder {
  readonly checkpoints: CheckpointHooks;
  /** Returns the stage and step of the run in which a record arises. */
  readonly origin: (at: TrainingMoment) => Origin;
  /** Appends a line of metrics, with the time and what the run has spent so far. */
  readonly metrics: (values: Readonly<Record<string, number>>, at: TrainingMoment) => void;
  /** Notes in the manifest that the unit is finished. */
  readonly complete: (result: JsonObject, steps: number) => void;
}

export function recordUnit(run: RunDirectory, unit: string): UnitRecorder {
  const restored = run.latestCheckpoint(unit);
  const baseStep = restored === null ? run.lastStep : restored.state['baseStep'];
  invariant(typeof baseStep === 'number', 'a checkpoint of a stage knows where the stage began');
  let savedStep = restored?.step ?? null;
  return {
    checkpoints: {
      restored: restored === null ? null : { folder: restored.folder, state: readState(restored) },
      save: async ({ step, score, state, write }) => {
        // An epoch without a usable pair changes nothing: resuming before it repeats it exactly.
        if (savedStep === baseStep + step) return;
        savedStep = baseStep + step;
        await run.saveCheckpoint({ step: baseStep + step, unit, score, state: { ...state, baseStep }, write });
      },
    },
    origin: ({ epoch, step }) => ({ stage: unit, epoch, step: baseStep + step }),
    metrics: (values, { epoch, step }) => {
      run.log('metrics').append({
        step: baseStep + step,
        epoch,
        time: Math.round(run.elapsedMs) / 1000,
        stage: unit,
        ...values,
        ...spentCounts(run.spending.total(), 'spent/'),
      });
    },
    complete: (result, steps) => {
      run.completeUnit(unit, result, baseStep + steps);
    },
  };
}
