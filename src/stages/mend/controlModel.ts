/** Makes the start of every training of a mend stage, frozen: the control-token model (`twin` in a recipe), which is the
 *  target fine-tuned on the dialogues with its failures behind the control token (models/NAME-twin), or the target
 *  itself where the recipe says `twin: null`. */
import { unitKey } from '../../runs/units.js';
import { childKey, openStream, streamKey } from '../../base/random.js';
import {
  adaptLanguageModel,
  copyLanguageModel,
  type LanguageModel,
  openLanguageModel,
  saveLanguageModel,
} from '../../engine/models/languageModel.js';
import { extendVocabulary } from '../../engine/models/vocabulary.js';
import { countSteps } from '../../learning/learner.js';
import { meanByName } from '../../learning/trainers/meanByName.js';
import { optimizerOf } from '../../learning/trainers/optimizerOf.js';
import { createSftTrainer, type SftTrainer } from '../../learning/trainers/sft.js';
import { inBatches, trainEpochs } from '../../learning/trainers/trainEpochs.js';
import { controlToken, type ControlToken } from '../../mending/control.js';
import type { AnsweredTurn } from '../../mending/dialogues.js';
import { mendSpeaker } from '../../mending/mendSpeaker.js';
import { controlExamples } from '../../mending/controlExamples.js';
import { borrowed, type Handle, owned } from '../../models/handle.js';
import { recordUnit } from '../unitRecorder.js';
import { type MendContext, tell } from './mendContext.js';

export interface Start {
  readonly model: LanguageModel;
  /** The control token; null where the start is the target itself. */
  readonly control: ControlToken | null;
}

export async function openStart(context: MendContext, turns: readonly AnsweredTurn[]): Promise<Handle<Start>> {
  const { stage, run, target, around } = context;
  const { twin, control } = stage.options;
  if (twin === null) return borrowed({ model: target.model, control: null });
  const name = `${stage.name}-twin`;
  if (run.completed(unitKey({ kind: 'mendControlModel', stage: stage.name })) === null)
    await trainControlModel(context, twin, name, turns);
  const model = await openLanguageModel(await around.device(), run.modelPath(name), { name });
  return owned({ model, control: controlToken(control.token, model.tokenizer) }, model.close);
}

async function trainControlModel(
  context: MendContext,
  options: NonNullable<MendContext['stage']['options']['twin']>,
  name: string,
  turns: readonly AnsweredTurn[],
): Promise<void> {
  const { stage, run, recipe, limits, speaking } = context;
  const unit = unitKey({ kind: 'mendControlModel', stage: stage.name });
  const model = await openTrainable(context, name);
  let trainer: SftTrainer | null = null;
  try {
    const control = controlToken(stage.options.control.token, model.tokenizer);
    const examples = controlExamples(turns, mendSpeaker(model, speaking), control);
    const { checkpoints, metrics, complete } = recordUnit(run, unit);
    trainer = await createSftTrainer(model, { optimizer: optimizerOf(options), rows: 'packed' });
    const order = streamKey(recipe.seed, unit);
    const total = options.epochs * Math.ceil(examples.length / options.batchSize);
    const { step } = await trainEpochs({
      trainer,
      epochs: options.epochs,
      batches: (epoch) => inBatches(openStream(childKey(order, epoch)).shuffle(examples), options.batchSize),
      train: countSteps(trainer, () => {
        run.spending.add({ optimizerSteps: 1 });
      }).train,
      checkpoints,
      mayGoOn: limits.mayGoOn,
      afterStep: (values, at) => {
        metrics(values, at);
        tell(context, 'twin', at.step, total, values);
      },
      afterEpoch: (steps, at) => {
        metrics(meanByName(steps, 'epoch/'), at);
      },
    });
    await run.saveModel(name, (folder) => saveLanguageModel(model, folder));
    complete({ model: name, examples: examples.length, steps: step }, step);
  } finally {
    await trainer?.release();
    await model.close();
  }
}

/** Opens the model to be trained: an adapter on the target's weights, or weights of its own, with a row for the control
 *  token where that is an item of the vocabulary. */
function openTrainable({ stage, recipe, target }: MendContext, name: string): Promise<LanguageModel> {
  const { control, lora } = stage.options;
  if (lora !== null) return adaptLanguageModel(target.model, lora, { seed: recipe.seed, name });
  if (control.as === 'vocabulary') return extendVocabulary(target.model, [control.token], { trainable: true, name });
  return copyLanguageModel(target.model, { trainable: true, name });
}
