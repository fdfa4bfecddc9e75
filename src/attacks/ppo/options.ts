/** The options of the attack `ppo`, as a recipe writes them. What a recipe leaves out follows from the implementation that
 *  `like` names (`settings.ts`). */
import { z } from 'zod';
import { count, countFromZero, notNegative, optimisation, positive, share } from '../../base/schemaParts.js';
import { valueHeadKinds } from '../../engine/models/valueHead.js';
import { scorePlacements } from '../../learning/formulas/advantages.js';
import { klEstimators } from '../../learning/formulas/policyGradient.js';
import { attackKeys } from '../attackOptions.js';
import { onlineKeys } from '../online/options.js';

/** Implementations whose choices can be followed by name. */
const ppoKinds = ['gadfly', 'trl-0.11', 'trl-1.12', 'trlx'] as const;

const klSchema = z
  .strictObject({
    estimator: z
      .enum(klEstimators)
      .optional()
      .describe('Of the divergence from the reference, per token: k1 is log π − log π_ref.'),
    coefficient: notNegative.optional().describe('Reward per nat; where it is adaptive, of the first epoch.'),
    control: z
      .enum(['fixed', 'adaptive'])
      .optional()
      .describe('adaptive raises the coefficient while the divergence is above `target`, and lowers it below.'),
    target: positive.default(6).describe('Divergence that is sought, nats per utterance; adaptive only.'),
    horizon: count
      .default(10_000)
      .describe('After this many utterances the coefficient has changed by a fifth of itself at most; adaptive only.'),
  })
  .prefault({})
  .describe('The penalty that keeps the adversary close to the reference, taken from the reward of every token.');

const valueSchema = z
  .strictObject({
    head: z.enum(valueHeadKinds).optional().describe('A linear map of the last hidden state, or one inner layer more.'),
    coefficient: notNegative.optional().describe('Weight of the value loss beside the policy loss.'),
    clip: positive.default(0.2).describe('How far a value may leave its old one in the clipped loss.'),
    detached: z.boolean().default(false).describe('The value loss trains the head alone, not the model below it.'),
  })
  .prefault({})
  .describe('The value head, which estimates the reward still to come.');

/** Proximal policy optimisation (arXiv 1707.06347) with a penalty on the divergence from a reference (arXiv 1909.08593). */
export const ppoSchema = z.strictObject({
  attack: z.literal('ppo'),
  ...attackKeys,
  ...onlineKeys,
  horizon: count.default(1).describe('Exchanges in a dialogue; all its utterances are one trajectory.'),
  dialoguesPerPrompt: count.default(4).describe('Dialogues that a prompt opens in an epoch.'),
  epochs: count.default(20),
  like: z
    .enum(ppoKinds)
    .default('gadfly')
    .describe(
      'The implementation that gives what the recipe leaves out: kl, score, value, learningRate, maxGradientNorm, maxMeanRatio.',
    ),
  kl: klSchema,
  score: z
    .enum(scorePlacements)
    .optional()
    .describe('Where the reward enters: added at the last token, in place of its penalty, or one position later.'),
  scoreClip: positive.nullable().default(null).describe('Rewards are cut to plus and minus this; null is never.'),
  whitenRewards: z.boolean().default(false).describe('Rewards of tokens are scaled to variance 1, their mean kept.'),
  gamma: share.default(1).describe('Discount per token.'),
  lambda: share.default(0.95).describe('Of generalised advantage estimation: 1 trusts rewards, 0 trusts values.'),
  clip: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.2)
    .describe('How far from 1 the ratio of a token to what drew it still teaches.'),
  maxMeanRatio: z
    .number()
    .gt(1)
    .nullable()
    .optional()
    .describe('A step whose mean ratio is above it teaches nothing; null is never. The policy that spoke has 1.'),
  value: valueSchema,
  passes: count.default(4).describe('Passes over the utterances of an epoch.'),
  batchSize: count.default(32).describe('Utterances of a step.'),
  learningRate: optimisation.learningRate.optional(),
  warmupSteps: optimisation.warmupSteps.default(0),
  weightDecay: optimisation.weightDecay.default(0),
  maxGradientNorm: optimisation.maxGradientNorm.optional(),
  devEvery: countFromZero.default(5).describe('Epochs between two evaluations on dev prompts; 0 is never.'),
});

export type PpoOptions = z.output<typeof ppoSchema>;
