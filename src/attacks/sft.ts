/** The supervised baseline: cross-entropy on continuations that show the failure (arXiv 2407.09447: RealToxicityPrompts, 8 epochs).
 *  It never meets the target; what it finds is what the data holds. */
import { ConfigError } from '../base/errors.js';
import { invariant } from '../base/invariant.js';
import { childKey, openStream } from '../base/random.js';
import type { ToxicContinuation } from '../dialogue/types.js';
import { createSftTrainer, type SftTrainer } from '../learning/trainers/sft.js';
import type { TrainingExample } from '../learning/trainers/trainingData.js';
import type { SftOptions } from '../runs/recipe.js';
import type { AttackContext, AttackDefinition, AttackOutcome } from './attack.js';
import { meanByName } from './meanByName.js';
import { optimizerOf } from './optimizerOf.js';
import { createPhaseTimes } from './phaseTimes.js';
import { spaced } from './teaching.js';

export const sft: AttackDefinition<SftOptions> = {
  summary: 'trains a language-model adversary to continue texts as a data set does (supervised baseline)',
  needs: ['text'],
  run: runSft,
};

async function runSft(context: AttackContext, options: SftOptions): Promise<AttackOutcome> {
  const examples = trainingExamples(context, options);
  const trainer = await createSftTrainer(context.adversary.model, { optimizer: optimizerOf(options) });
  try {
    let epoch = await takeUp(context, trainer);
    const times = createPhaseTimes(context.clock);
    while (epoch < options.epochs) {
      epoch++;
      const order = openStream(childKey(context.stream, epoch)).shuffle(examples);
      const steps: Readonly<Record<string, number>>[] = [];
      for (let start = 0; start < order.length; start += options.batchSize) {
        context.mayGoOn();
        const values = await times.during('train', () => trainer.train(order.slice(start, start + options.batchSize)));
        steps.push(values);
        context.sink.metrics(values, { epoch, step: trainer.step() });
        context.progress({ phase: 'train', epoch, epochs: options.epochs, values });
      }
      context.sink.metrics({ ...meanByName(steps, 'epoch/'), ...times.take() }, { epoch, step: trainer.step() });
      await context.checkpoints.save({ step: trainer.step(), score: null, state: { epoch }, write: trainer.save });
    }
    return { steps: trainer.step(), epochs: epoch, reason: 'epochs', bestScore: null };
  } finally {
    await trainer.release();
  }
}

/** Texts as the adversary would say them after their own prefix. @throws ConfigError when none is left */
export function trainingExamples(
  { teaching, adversary, prompts }: Pick<AttackContext, 'teaching' | 'adversary' | 'prompts'>,
  { maxTexts, maxTokens }: Pick<SftOptions, 'maxTexts' | 'maxTokens'>,
): readonly TrainingExample[] {
  const examples = teaching.slice(0, maxTexts ?? teaching.length).map((text, i) => toExample(text, i));
  if (examples.length === 0)
    throw new ConfigError('there are no texts to learn from', {
      where: 'exploit (sft)',
      remedy: 'Check the file and the filters of the recipe.',
    });
  return examples;

  function toExample({ prefix, continuation }: ToxicContinuation, i: number): TrainingExample {
    // A text that stands alone comes after an ordinary prompt, in turn.
    const prompt = prefix.text === '' && prompts.train.length > 0 ? (prompts.train[i % prompts.train.length] ?? prefix) : prefix;
    return {
      prefix: adversary.contextIds({ prompt, turns: [] }),
      completion: adversary.utteranceIds(spaced(prompt.text, continuation), maxTokens),
    };
  }
}

async function takeUp({ checkpoints: { restored } }: AttackContext, trainer: SftTrainer): Promise<number> {
  if (restored === null) return 0;
  await trainer.load(restored.folder);
  const { epoch } = restored.state;
  invariant(typeof epoch === 'number', 'a checkpoint of this attack holds its state');
  return epoch;
}
