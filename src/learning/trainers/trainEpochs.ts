/** Epochs of training on data that is known beforehand: batches in an order that depends on the epoch's number alone,
 *  a checkpoint after every epoch, and the way back into an interrupted training, which then goes on as if it had never
 *  stopped. */
import { invariant } from '../../base/invariant.js';
import type { CheckpointState } from '../../runs/checkpointState.js';
import type { WeightTrainer } from './weightTrainer.js';

/** Saves a training and takes it up again. State and folder must hold all that is needed to go on bit for bit. */
export interface CheckpointHooks {
  /** The last checkpoint of an interrupted training, or null. Typed arrays of its state are of the type that was saved. */
  readonly restored: { readonly folder: string; readonly state: CheckpointState } | null;
  readonly save: (checkpoint: {
    readonly step: number;
    /** Higher is better; null when this state was not evaluated. */
    readonly score: number | null;
    /** Values of JSON and typed arrays by name, beside the trainer's own state. */
    readonly state: CheckpointState;
    /** Puts files into the folder: the trainer's, and any others, but none called checkpoint.json or state. */
    readonly write: (folder: string) => Promise<void>;
  }) => Promise<void>;
}

/** When in a training something arose. */
export interface TrainingMoment {
  /** From 1; zero before the first. */
  readonly epoch: number;
  /** Optimizer steps taken so far. */
  readonly step: number;
}

export interface EpochTraining<Batch> {
  readonly trainer: Pick<WeightTrainer, 'step' | 'save' | 'load'>;
  readonly epochs: number;
  /** @param epoch from 1 */
  readonly batches: (epoch: number) => readonly Batch[];
  /** One optimizer step; what it returns is logged. */
  readonly train: (batch: Batch) => Promise<Readonly<Record<string, number>>>;
  readonly checkpoints: CheckpointHooks;
  /** Called before every step; throws to end the training here. */
  readonly mayGoOn: () => void;
  readonly afterStep: (values: Readonly<Record<string, number>>, at: TrainingMoment) => Promise<void> | void;
  readonly afterEpoch?: (
    steps: readonly Readonly<Record<string, number>>[],
    at: TrainingMoment,
  ) => Promise<void> | void;
}

export async function trainEpochs<Batch>(training: EpochTraining<Batch>): Promise<TrainingMoment> {
  const { trainer, checkpoints } = training;
  let epoch = await takeUp(training);
  while (epoch < training.epochs) {
    epoch++;
    const steps: Readonly<Record<string, number>>[] = [];
    for (const batch of training.batches(epoch)) {
      training.mayGoOn();
      const values = await training.train(batch);
      steps.push(values);
      await training.afterStep(values, { epoch, step: trainer.step() });
    }
    await training.afterEpoch?.(steps, { epoch, step: trainer.step() });
    await checkpoints.save({ step: trainer.step(), score: null, state: { epoch }, write: trainer.save });
  }
  return { epoch, step: trainer.step() };
}

/** @returns the epochs that earlier sessions have done */
async function takeUp({
  trainer,
  checkpoints: { restored },
}: Pick<EpochTraining<never>, 'trainer' | 'checkpoints'>): Promise<number> {
  if (restored === null) return 0;
  await trainer.load(restored.folder);
  const { epoch } = restored.state;
  invariant(typeof epoch === 'number', 'a checkpoint of this training holds its epoch');
  return epoch;
}

/** The items in batches of `size`, in order; the last may be smaller. */
export function inBatches<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
