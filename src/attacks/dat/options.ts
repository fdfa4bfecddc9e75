/** The options of the attack `dat`, as a recipe writes them. */
import { z } from 'zod';
import { count, countFromZero, notNegative, optimisation, path, positive, share } from '../../base/schemaParts.js';
import { rewardSchema, targetTextsSchema } from '../../dialogue/rewardSchema.js';
import { defaultTargetTexts } from '../../dialogue/targetText.js';
import { mlpActivations } from '../../engine/nn/mlp.js';
import { actorObjectives } from '../../learning/offline/td3bcGraphs.js';
import { tokenPositions } from '../../learning/planner/plannerSettings.js';
import { attackKeys } from '../attackOptions.js';

const plannerKeys = z
  .strictObject({
    layer: z
      .int()
      .default(-1)
      .describe('Of the state that it reads: 0 the embeddings, n what layer n gives, -1 the final states.'),
    position: z
      .enum(tokenPositions)
      .default('prefix')
      .describe('Where its tokens stand: behind the start token, before the last utterance, or at the end.'),
    tokens: count.default(2).describe('Soft tokens that it adds to a context.'),
    actionWidth: count.default(64),
    hidden: z
      .array(count)
      .nullable()
      .default(null)
      .describe('Widths of the inner layers of the cloned network; null is the width of the model, then actionWidth.'),
    mapping: z
      .enum(['learned', 'pca'])
      .default('learned')
      .describe(
        'How an action becomes tokens: a matrix that self-cloning learns, or principal directions of the token table.',
      ),
  })
  .prefault({});

const cloneKeys = z
  .strictObject({
    dialogues: count.default(256).describe('Dialogues of the unsteered adversary with the target that are cloned.'),
    heldOut: share.default(0.1).describe('Share of the dialogues that is measured and not learnt.'),
    epochs: countFromZero.default(10),
    batchSize: count.default(16).describe('Utterances per step.'),
    learningRate: optimisation.learningRate.default(1e-3),
    warmupSteps: optimisation.warmupSteps.default(0),
    weightDecay: optimisation.weightDecay.default(0),
    maxGradientNorm: optimisation.maxGradientNorm.default(1),
  })
  .prefault({})
  .describe('Self-cloning, after which the steered adversary says what the unsteered one says.');

const collectKeys = z
  .strictObject({
    buffer: path
      .nullable()
      .default(null)
      .describe('A buffer that another run has collected with the same planner; null collects one (buffers/NAME).'),
    episodes: count.default(2000).describe('Dialogues in the buffer.'),
    batch: count.default(64).describe('Dialogues that are played at once.'),
    temperature: notNegative
      .default(0)
      .describe('Of the adversary while it explores: what differs is the action then.'),
    explore: z
      .enum(['residual', 'absolute', 'sphere'])
      .default('residual')
      .describe(
        'residual: noise around the action of the clone, and an actor of what is added. absolute: the same noise, and an actor of the sum. sphere: actions uniform on a sphere, without the clone.',
      ),
    noise: positive.default(0.1).describe('Deviation of the noise of each coordinate.'),
    noiseClip: positive.default(0.5).describe('Bound of the noise, and of a residual action.'),
    radius: positive.default(1).describe('Of the sphere.'),
  })
  .prefault({});

const networkKeys = (hidden: readonly number[], activation: (typeof mlpActivations)[number]) =>
  z
    .strictObject({
      hidden: z.array(count).default([...hidden]),
      activation: z.enum(mlpActivations).default(activation),
    })
    .prefault({});

const improveKeys = z
  .strictObject({
    steps: count.default(1000),
    batchSize: count.default(256).describe('Transitions per step.'),
    episodes: count.nullable().default(null).describe('Only the first of the buffer; null is all.'),
    objective: z
      .enum(actorObjectives)
      .default('td3bc')
      .describe('td3bc: value and closeness to the buffer. bc: closeness alone. q: value alone.'),
    alpha: positive.default(2.5).describe('Weight of the value beside closeness, where values have size 1.'),
    gamma: share.default(0.99),
    bootstrap: z.boolean().default(true).describe('False learns the reward of each exchange alone, as a bandit does.'),
    twin: z.boolean().default(true).describe('Two critics, of which the more careful counts.'),
    policyNoise: notNegative.default(0.2).describe('In units of the action space.'),
    noiseClip: notNegative.default(0.5),
    tau: positive.default(0.005),
    delay: count.default(2),
    actorRate: positive.default(3e-4),
    criticRate: positive.default(3e-4),
    actor: networkKeys([256, 256], 'relu'),
    critic: networkKeys([256, 256], 'relu'),
  })
  .prefault({});

/** Dialogue action tokens (arXiv 2406.11978). */
export const datSchema = z.strictObject({
  attack: z.literal('dat'),
  ...attackKeys,
  from: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('Name of an earlier stage whose clone is improved; null clones anew.'),
  horizon: count.default(3).describe('Exchanges in a dialogue.'),
  reward: rewardSchema,
  targetTexts: targetTextsSchema
    .default([...defaultTargetTexts])
    .describe('Phrasings of what the target is to be brought to say, for the terms of a reward that ask for them.'),
  stopWhen: z
    .array(z.string().min(1))
    .default([])
    .describe('A dialogue ends after the exchange in which one side says one of these, as whole words, in any case.'),
  planner: plannerKeys,
  clone: cloneKeys,
  collect: collectKeys,
  improve: improveKeys.nullable().describe('TD3+BC on the buffer; null leaves the clone as it is.'),
});

export type DatOptions = z.output<typeof datSchema>;
