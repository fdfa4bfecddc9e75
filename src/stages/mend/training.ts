/** Runs one training of a mend stage, from the common start to models/NAME. The saved model is without the control
 *  token. */
import { unitKey } from '../../runs/units.js';
import { ConfigError } from '../../base/errors.js';
import { childKey, openStream, streamKey } from '../../base/random.js';
import {
  adaptLanguageModel,
  copyLanguageModel,
  type LanguageModel,
  saveLanguageModel,
} from '../../engine/models/languageModel.js';
import { cutVocabulary } from '../../engine/models/vocabulary.js';
import { countSteps } from '../../learning/learner.js';
import { meanByName } from '../../learning/trainers/meanByName.js';
import { optimizerOf } from '../../learning/trainers/optimizerOf.js';
import { createPreferenceTrainer } from '../../learning/trainers/preference.js';
import { createSftTrainer } from '../../learning/trainers/sft.js';
import { inBatches, trainEpochs, type TrainingMoment } from '../../learning/trainers/trainEpochs.js';
import type { TrainingAnchor, TrainingPair } from '../../learning/trainers/trainingData.js';
import { watchPreferences } from '../../learning/trainers/watchPreferences.js';
import type { WeightTrainer } from '../../learning/trainers/weightTrainer.js';
import type { AnsweredTurn } from '../../mending/dialogues.js';
import { mendSpeaker } from '../../mending/mendSpeaker.js';
import { type MendPair, ordinaryAnchors, withAnchors, withReference } from '../../mending/pairs.js';
import type { MendTrainingOptions } from '../../mending/options.js';
import { recordUnit } from '../unitRecorder.js';
import { type MendContext, tell } from './mendContext.js';
import type { Start } from './controlModel.js';

/** The material that all trainings of a stage share. */
export interface TrainingMaterial {
  readonly pairs: readonly MendPair[];
  /** Returns the pairs with their reference log-probabilities, in order; each kind of reference is read once. */
  readonly referenceOf: (toxicReference: ToxicReference) => Promise<readonly TrainingPair[]>;
  readonly ordinary: readonly AnsweredTurn[];
  readonly start: Start;
}

type ToxicReference = 'plain' | 'control';

export function trainingMaterial(
  pairs: readonly MendPair[],
  ordinary: readonly AnsweredTurn[],
  start: Start,
): TrainingMaterial {
  const known = new Map<ToxicReference, Promise<readonly TrainingPair[]>>();
  const referenceOf = (toxicReference: ToxicReference): Promise<readonly TrainingPair[]> => {
    const found = known.get(toxicReference) ?? withReference(pairs, start.model, toxicReference);
    known.set(toxicReference, found);
    return found;
  };
  return { pairs, referenceOf, ordinary, start };
}

export async function trainMended(
  context: MendContext,
  { model: name, training }: { readonly model: string; readonly training: MendTrainingOptions },
  { pairs, referenceOf, ordinary, start }: TrainingMaterial,
): Promise<void> {
  const { stage, unit: stageUnit, run, recipe, limits } = context;
  const unit = unitKey({ kind: 'mendTraining', stage: stage.name, model: name });
  if (run.completed(unit) !== null) return;
  const known = await referenceOf(training.loss === 'adpo' ? training.toxicReference : 'plain');
  const data = known.filter((_, i) => pairs[i]?.heldOut === false);
  const watched = known.filter((_, i) => pairs[i]?.heldOut === true);
  const anchors = training.loss === 'sft' || training.anchor === 0 ? [] : await anchorsOf(context, ordinary, start);
  const { lora } = stage.options;
  const policy =
    lora === null
      ? await copyLanguageModel(start.model, { trainable: true, name })
      : await adaptLanguageModel(start.model, lora, { seed: recipe.seed, name });
  let trainer: MendTrainer | null = null;
  try {
    const { checkpoints, metrics, complete } = recordUnit(run, unit);
    trainer = await openTrainer(policy, training);
    const size = batchOf(training);
    // Trainings of a stage see the same batches in the same order: they differ in their loss alone.
    const order = streamKey(recipe.seed, `${stageUnit}:train`);
    const total = training.epochs * Math.ceil(data.length / size);
    const look = async (at: TrainingMoment): Promise<void> => {
      if (watched.length > 0 && training.watchEvery > 0)
        metrics({ trained: at.step, ...(await watchPreferences(policy, watched)) }, at);
    };
    if (checkpoints.restored === null) await look({ epoch: 0, step: 0 });
    const { step } = await trainEpochs({
      trainer,
      epochs: training.epochs,
      batches: (epoch) => {
        const draw = openStream(childKey(order, epoch));
        const shuffled = draw.shuffle(data);
        return inBatches(anchors.length === 0 ? shuffled : withAnchors(shuffled, draw.shuffle(anchors)), size);
      },
      train: countSteps(trainer, () => {
        run.spending.add({ optimizerSteps: 1 });
      }).train,
      checkpoints,
      mayGoOn: limits.mayGoOn,
      afterStep: async (values, at) => {
        metrics(values, at);
        if (at.step % training.watchEvery === 0 || at.step === total) await look(at);
        tell(context, name, at.step, total, values);
      },
      afterEpoch: (steps, at) => {
        metrics(meanByName(steps, 'epoch/'), at);
      },
    });
    await saveWithoutControl(context, policy, name);
    complete({ model: name, loss: training.loss, pairs: data.length, steps: step }, step);
  } finally {
    await trainer?.release();
    await policy.close();
  }
}

/** Returns ordinary replies with their log-probabilities under the recipe's own target, in every round, so that rounds do
 *  not drift one after the other. */
async function anchorsOf(
  { pool, stage, speaking }: MendContext,
  ordinary: readonly AnsweredTurn[],
  start: Start,
): Promise<readonly TrainingAnchor[]> {
  const { model } = await pool.localTarget();
  const anchors = await ordinaryAnchors(ordinary, mendSpeaker(start.model, speaking), model);
  if (anchors.length > 0) return anchors;
  throw new ConfigError('there are no ordinary dialogues to keep as likely as they are', {
    where: `stages.${stage.name}.ordinary`,
    remedy: 'Give ordinary.data, more prompts, or anchor: 0.',
  });
}

interface MendTrainer extends Pick<WeightTrainer, 'step' | 'save' | 'load' | 'release'> {
  readonly train: (batch: readonly TrainingPair[]) => Promise<Readonly<Record<string, number>>>;
}

async function openTrainer(model: LanguageModel, training: MendTrainingOptions): Promise<MendTrainer> {
  const optimizer = optimizerOf(training);
  if (training.loss === 'sft') {
    const trainer = await createSftTrainer(model, { optimizer, rows: 'packed' });
    return {
      ...trainer,
      train: (batch) => trainer.train(batch.map(({ prefix, chosen }) => ({ prefix, completion: chosen }))),
    };
  }
  return createPreferenceTrainer(model, { ...training, optimizer });
}

function batchOf(training: MendTrainingOptions): number {
  return training.loss === 'sft' ? training.batchSize : training.batchPairs;
}

/** Saves a mended model in the target's own vocabulary, which has no control token. */
async function saveWithoutControl(
  { run, stage, target }: MendContext,
  policy: LanguageModel,
  name: string,
): Promise<void> {
  const isExtended =
    stage.options.twin !== null && stage.options.lora === null && stage.options.control.as === 'vocabulary';
  const kept = isExtended ? await cutVocabulary(policy, target.model, { name }) : policy;
  try {
    await run.saveModel(name, (folder) => saveLanguageModel(kept, folder));
  } finally {
    if (kept !== policy) await kept.close();
  }
}
