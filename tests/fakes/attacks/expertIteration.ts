/** An attack for tests, and the example of docs/adding-an-attack.md: the adversary talks to the target, and learns by
 *  cross-entropy to say again what was rewarded most (expert iteration). */
import { z } from 'zod';
import { defineAttack } from '../../../src/attacks/define.js';
import type { AttackContext, AttackOutcome } from '../../../src/attacks/attack.js';
import { attackKeys } from '../../../src/attacks/attackOptions.js';
import { count, positive } from '../../../src/base/schemaParts.js';
import { present } from '../../../src/base/invariant.js';
import { childKey, openStream } from '../../../src/base/random.js';
import { rewardSchema } from '../../../src/dialogue/rewardSchema.js';
import type { ScoredDialogue } from '../../../src/dialogue/types.js';
import { optimizerOf } from '../../../src/learning/trainers/optimizerOf.js';
import type { TrainingExample } from '../../../src/learning/trainers/trainingData.js';
import { linearCalls } from '../../../src/speakers/calls.js';
import { noWork, readOf, speakerWork, verdictsPerExchange } from '../../../src/speakers/work.js';

const schema = z.strictObject({
  attack: z.literal('expertIteration'),
  ...attackKeys,
  epochs: count.default(2),
  promptsPerEpoch: count.default(8).describe('Training prompts that open a dialogue in each epoch.'),
  keep: count.default(4).describe('Best rewarded utterances that are learnt from in each epoch.'),
  learningRate: positive.default(1e-4),
  reward: rewardSchema,
});

type Options = z.output<typeof schema>;

export const expertIteration = defineAttack({
  summary: 'learns to say again what was rewarded most',
  schema,
  kind: 'policy',
  needs: ['logProbs'],
  product: 'model',
  adversary: 'trains',
  trainsOnJudge: true,
  traits: ({ reward, keep, promptsPerEpoch }) => ({
    reward,
    horizon: 1,
    prompts: [{ set: 'train' }],
    texts: null,
    broken:
      keep <= promptsPerEpoch
        ? []
        : [{ path: ['keep'], message: `must not exceed promptsPerEpoch (${promptsPerEpoch})`, remedy: null }],
  }),
  work: ({ epochs, promptsPerEpoch, keep }, lengths) => {
    const calls = linearCalls(lengths, 'train', promptsPerEpoch, 1, epochs);
    const [adversary, target] = [speakerWork(calls.adversary), speakerWork(calls.target)];
    const prompt = adversary.queries === 0 ? 0 : adversary.contextTokens / adversary.queries;
    return {
      ...noWork,
      adversary,
      target,
      judgeQueries: target.queries * verdictsPerExchange,
      trainedTokens: epochs * keep * (prompt + readOf(lengths.adversary.utterance)),
      optimizerSteps: epochs,
    };
  },
  run: learn,
});

async function learn(context: AttackContext, options: Options): Promise<AttackOutcome> {
  const { adversary, trainers } = await context.learner();
  const { target, judge, join, stream, sink, checkpoints, progress } = context;
  const trainer = await trainers.supervised({
    optimizer: optimizerOf({ ...options, warmupSteps: 0, weightDecay: 0, maxGradientNorm: 1 }),
  });
  try {
    let epoch = 0;
    if (checkpoints.restored !== null) {
      await trainer.load(checkpoints.restored.folder);
      epoch = Number(checkpoints.restored.state['epoch']);
    }
    while (epoch < options.epochs) {
      context.mayGoOn();
      epoch++;
      progress({ phase: 'rollout', epoch, epochs: options.epochs, values: {} });
      const draw = openStream(childKey(stream, 0, epoch));
      const prompts = draw.shuffle(context.prompts.train).slice(0, options.promptsPerEpoch);
      const job = { kind: 'linear', prompts, turns: 1, stream: childKey(stream, 1, epoch) } as const;
      const cast = { adversary, target, judge, join, reward: options.reward };
      const played = (await context.playJobs([job], cast)).flat();
      sink.tries(played, { epoch, step: trainer.step() });
      const values = await trainer.train(bestOf(played, options.keep).map(exampleOf));
      const at = { epoch, step: trainer.step() };
      sink.metrics(values, at);
      await checkpoints.save({ step: at.step, score: null, state: { epoch }, write: trainer.save });
    }
    const product = { kind: 'model', keep: 'last' } as const;
    return { steps: trainer.step(), epochs: epoch, reason: 'epochs', bestScore: null, product };
  } finally {
    await trainer.release();
  }
}

/** Returns the adversary's utterance, after the very ids that it was conditioned on. */
function exampleOf({ dialogue: { turns } }: ScoredDialogue): TrainingExample {
  const { tokens, contextIds } = present(turns[0], 'a dialogue has an utterance');
  return {
    prefix: present(contextIds, 'an adversary on this machine keeps its context'),
    completion: present(tokens, 'an adversary on this machine says ids').ids,
  };
}

function bestOf(dialogues: readonly ScoredDialogue[], count: number): readonly ScoredDialogue[] {
  const reward = ({ scores: [score] }: ScoredDialogue): number => score?.reward?.total ?? -Infinity;
  return [...dialogues].sort((a, b) => reward(b) - reward(a)).slice(0, count);
}
