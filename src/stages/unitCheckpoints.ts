/** Checkpoints of one unit of a run. The run counts steps over all its units; a unit counts its own. */
import { invariant } from '../base/invariant.js';
import type { CheckpointHooks } from '../learning/trainers/trainEpochs.js';
import type { RunDirectory } from '../runs/runDirectory.js';

export interface UnitCheckpoints {
  /** The run's steps before this unit began. */
  readonly baseStep: number;
  readonly hooks: CheckpointHooks;
}

export function unitCheckpoints(run: RunDirectory, unit: string): UnitCheckpoints {
  const restored = run.latestCheckpoint(unit);
  const baseStep = restored === null ? run.lastStep : restored.state['baseStep'];
  invariant(typeof baseStep === 'number', 'a checkpoint of a stage knows where the stage began');
  let savedStep = restored?.step ?? null;
  return {
    baseStep,
    hooks: {
      restored: restored === null ? null : { folder: restored.folder, state: restored.state },
      save: async ({ step, score, state, write }) => {
        // An epoch without a usable pair changes nothing: resuming before it repeats it exactly.
        if (savedStep === baseStep + step) return;
        savedStep = baseStep + step;
        await run.saveCheckpoint({ step: baseStep + step, unit, score, state: { ...state, baseStep }, write });
      },
    },
  };
}
