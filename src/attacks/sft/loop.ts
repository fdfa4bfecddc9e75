/** The supervised baseline: cross-entropy on continuations that show the failure (arXiv 2407.09447:
 *  RealToxicityPrompts, 8 epochs). It never meets the target; what it finds is what the data holds. */
import { ConfigError } from '../../base/errors.js';
import { childKey, openStream } from '../../base/random.js';
import type { Dialogue, ToxicContinuation } from '../../dialogue/types.js';
import { inBatches, trainEpochs } from '../../learning/trainers/trainEpochs.js';
import type { TrainingExample } from '../../learning/trainers/trainingData.js';
import type { SftOptions } from './options.js';
import type { AttackContext, AttackLearner, AttackOutcome } from '../attack.js';
import { meanByName } from '../../learning/trainers/meanByName.js';
import { optimizerOf } from '../../learning/trainers/optimizerOf.js';
import { createPhaseTimes } from '../phaseTimes.js';

export async function runSft(context: AttackContext, options: SftOptions): Promise<AttackOutcome> {
  const { adversary, trainers } = await context.learner();
  const examples = trainingExamples({ ...context, adversary }, options);
  const trainer = await trainers.supervised({ optimizer: optimizerOf(options) });
  try {
    const times = createPhaseTimes(context.clock);
    const { epoch, step } = await trainEpochs({
      trainer,
      epochs: options.epochs,
      batches: (epoch) => inBatches(openStream(childKey(context.stream, epoch)).shuffle(examples), options.batchSize),
      train: (batch) => times.during('train', () => trainer.train(batch)),
      checkpoints: context.checkpoints,
      mayGoOn: context.mayGoOn,
      afterStep: (values, at) => {
        context.sink.metrics(values, at);
        context.progress({ phase: 'train', epoch: at.epoch, epochs: options.epochs, values });
      },
      afterEpoch: (steps, at) => context.sink.metrics({ ...meanByName(steps, 'epoch/'), ...times.take() }, at),
    });
    return { steps: step, epochs: epoch, reason: 'epochs', bestScore: null, product: { kind: 'model', keep: 'last' } };
  } finally {
    await trainer.release();
  }
}

/** Texts as the adversary would say them after their own prefix. @throws ConfigError when none is left */
export function trainingExamples(
  {
    demonstrations,
    adversary,
    prompts,
  }: Pick<AttackContext, 'demonstrations' | 'prompts'> & Pick<AttackLearner, 'adversary'>,
  { maxTexts, maxTokens }: Pick<SftOptions, 'maxTexts' | 'maxTokens'>,
): readonly TrainingExample[] {
  const examples = demonstrations.slice(0, maxTexts ?? demonstrations.length).map((text, i) => toExample(text, i));
  if (examples.length === 0)
    throw new ConfigError('there are no texts to learn from', {
      where: 'exploit (sft)',
      remedy: 'Check the file and the filters of the recipe.',
    });
  return examples;

  function toExample({ prefix, continuation }: ToxicContinuation, i: number): TrainingExample {
    // A text that stands alone comes after an ordinary prompt, in turn.
    const prompt =
      prefix.text === '' && prompts.train.length > 0 ? (prompts.train[i % prompts.train.length] ?? prefix) : prefix;
    const dialogue: Dialogue = { prompt, turns: [] };
    return {
      prefix: adversary.context(dialogue).ids,
      completion: adversary.utteranceIds(dialogue, continuation, maxTokens),
    };
  }
}
