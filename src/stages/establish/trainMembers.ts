/** The second step of establishing: the members of the ensemble, one after the other. A member in training goes on from
 *  its last whole epoch; a finished one lies in judges/NAME/member-K. */
import { join } from 'node:path';
import { writeFolderAtomic } from '../../base/files.js';
import { streamKey } from '../../base/random.js';
import { saveSequenceClassifier } from '../../engine/models/sequenceClassifier.js';
import { leastRecall, readClasses, trainMember, type TrainedMember } from '../../discovery/ensemble.js';
import { classesOf } from '../../discovery/establishOptions.js';
import type { LabelledItem } from '../../discovery/labelledParts.js';
import { meanByName } from '../../learning/trainers/meanByName.js';
import { unitKey } from '../../runs/units.js';
import type { StageContext } from '../stageContext.js';
import { recordUnit, type UnitRecorder } from '../unitRecorder.js';
import type { EstablishStage } from './givenLabels.js';

export function memberName(member: number): string {
  return `member-${String(member + 1)}`;
}

/** @throws InterruptedError, BudgetError: whole epochs are kept */
export async function trainMembers(
  context: StageContext,
  stage: EstablishStage,
  training: readonly LabelledItem[],
): Promise<void> {
  for (let member = 0; member < stage.options.ensemble.members; member++) {
    const unit = unitKey({ kind: 'establishMember', stage: stage.name, member: memberName(member) });
    if (context.run.completed(unit) === null)
      await trainOne(context, stage, training, member, recordUnit(context.run, unit));
  }
}

/** Trains a member until it finds enough of every class, or the attempts are used up: the last attempt is kept then. */
async function trainOne(
  context: StageContext,
  stage: EstablishStage,
  training: readonly LabelledItem[],
  member: number,
  recorder: UnitRecorder,
): Promise<void> {
  const { run } = context;
  const { attempts, minRecall } = stage.options.ensemble;
  const classes = classesOf(stage.options);
  const { restored } = recorder.checkpoints;
  const from = (name: string): number => Number(restored?.state[name] ?? 0);
  let stepsBefore = from('stepsBefore');
  let resume = restored === null ? null : { folder: restored.folder, steps: from('steps') };
  for (let attempt = from('attempt'); ; attempt++) {
    const trained = await train(context, stage, training, { member, attempt, stepsBefore, resume }, recorder);
    resume = null;
    try {
      const { model, sample } = trained;
      // A bootstrap of few texts may leave none out.
      const others = sample.leftOut.length === 0 ? sample.drawn : sample.leftOut;
      const recall = leastRecall(
        others,
        await readClasses(
          model,
          others.map(({ text }) => text),
          classes,
        ),
      );
      stepsBefore += trained.steps;
      recorder.metrics({ leastRecall: recall }, { epoch: stage.options.ensemble.epochs, step: stepsBefore });
      if (recall < minRecall && attempt + 1 < attempts) continue;
      await writeFolderAtomic(join(run.judgePath(stage.name), memberName(member)), (folder) =>
        saveSequenceClassifier(model, folder),
      );
      recorder.complete({ attempts: attempt + 1, leastRecall: recall, isWeak: recall < minRecall }, stepsBefore);
      return;
    } finally {
      await trained.model.close();
    }
  }
}

interface Attempt {
  readonly member: number;
  readonly attempt: number;
  /** Steps of the attempts before. */
  readonly stepsBefore: number;
  /** A checkpoint of this attempt, with the steps of the whole of it; null starts the attempt. */
  readonly resume: { readonly folder: string; readonly steps: number } | null;
}

async function train(
  context: StageContext,
  { name, options }: EstablishStage,
  training: readonly LabelledItem[],
  { member, attempt, stepsBefore, resume }: Attempt,
  { checkpoints, metrics }: UnitRecorder,
): Promise<TrainedMember & { readonly steps: number }> {
  const { run, pool, recipe, limits, progress } = context;
  const { ensemble } = options;
  let steps = resume?.steps ?? 0;
  const epoch: Readonly<Record<string, number>>[] = [];
  const trained = await trainMember(
    await pool.device(),
    {
      body: await pool.modelPath(ensemble.body),
      classes: classesOf(options),
      training,
      options: ensemble,
      stream: streamKey(recipe.seed, 'establish.member', member, attempt),
    },
    {
      ...(resume === null ? {} : { resume: resume.folder }),
      onStep: async ({ step, steps: all, metrics: values, trainer }) => {
        steps = all;
        run.spending.add({ optimizerSteps: 1 });
        epoch.push(values);
        const perEpoch = all / ensemble.epochs;
        progress({
          stage: name,
          phase: `member ${String(member + 1)} of ${String(ensemble.members)}`,
          done: step,
          total: all,
          unit: 'steps',
          values,
        });
        if (step % perEpoch === 0) {
          metrics(meanByName(epoch.splice(0), ''), { epoch: step / perEpoch, step: stepsBefore + step });
          await checkpoints.save({
            step: stepsBefore + step,
            score: null,
            state: { attempt, stepsBefore, steps },
            write: trainer.save,
          });
        }
        limits.mayGoOn();
      },
    },
  );
  return { ...trained, steps };
}
