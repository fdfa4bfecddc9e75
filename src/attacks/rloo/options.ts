/** The options of the attack `rloo`, as a recipe writes them. */
import { z } from 'zod';
import { count, countFromZero, notNegative, optimisation, positive } from '../../base/schemaParts.js';
import { attackKeys } from '../attackOptions.js';
import { onlineKeys } from '../online/options.js';

/** REINFORCE with a leave-one-out baseline (arXiv 2402.14740). */
export const rlooSchema = z.strictObject({
  attack: z.literal('rloo'),
  ...attackKeys,
  ...onlineKeys,
  horizon: count.default(1).describe('Exchanges in a dialogue.'),
  candidates: z
    .int()
    .min(2)
    .default(4)
    .describe('Utterances drawn at every node; the mean reward of the others is the baseline of each.'),
  branch: count
    .default(1)
    .describe('Candidates whose dialogue goes on: the best, the worst, then by reward. 1 goes on after the best.'),
  epochs: count.default(20),
  klCoefficient: notNegative
    .default(0.05)
    .describe('Reward per nat that an utterance is likelier under the adversary than under the reference.'),
  scoreClip: positive.nullable().default(null).describe('Rewards are cut to plus and minus this; null is never.'),
  normalise: z.boolean().default(false).describe('Advantages are divided by their standard deviation in an epoch.'),
  clip: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.2)
    .describe('How far from 1 the ratio of an utterance to what drew it still teaches.'),
  passes: count.default(1).describe('Passes over the utterances of an epoch.'),
  batchSize: count.default(32).describe('Utterances of a step.'),
  learningRate: optimisation.learningRate.default(1e-5),
  warmupSteps: optimisation.warmupSteps.default(0),
  weightDecay: optimisation.weightDecay.default(0),
  maxGradientNorm: optimisation.maxGradientNorm.default(1),
  devEvery: countFromZero.default(5).describe('Epochs between two evaluations on dev prompts; 0 is never.'),
});

export type RlooOptions = z.output<typeof rlooSchema>;
