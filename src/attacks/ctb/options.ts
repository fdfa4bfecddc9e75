/** The options of the attack `ctb`, as a recipe writes them. */
import { z } from 'zod';
import { count, countFromZero, optimisation, positive } from '../../base/schemaParts.js';
import { attackKeys } from '../attackOptions.js';
import { onlineKeys, pairKeys } from '../online/options.js';

const fluencySchema = z.strictObject({
  tokens: count.default(3).describe('Tokens that count: those which the reference finds least likely.'),
  floor: z.number().max(0).default(-12).describe('An utterance is no language where their mean is below it, nats.'),
  logReward: z.number().default(-150).describe('log R of such an utterance, nats, whatever its reward.'),
});

/** Contrastive trajectory balance (arXiv 2605.00553). */
export const ctbSchema = z.strictObject({
  attack: z.literal('ctb'),
  ...attackKeys,
  ...onlineKeys,
  ...pairKeys,
  horizon: count.default(1).describe('Exchanges in a dialogue.'),
  candidates: z.int().min(2).default(6).describe('Utterances drawn at every node; every two of them make a pair.'),
  branch: count
    .default(1)
    .describe('Candidates whose dialogue goes on: the best, the worst, then by reward. 1 goes on after the best.'),
  epochs: count.default(20),
  batchPairs: count.default(60).describe('Pairs of a step; six candidates make fifteen.'),
  beta: positive
    .default(0.3)
    .describe(
      'Reward per nat: the utterance’s probability is sought in proportion to that under the reference × exp(reward / beta). Smaller is greedier and less varied.',
    ),
  fluency: fluencySchema
    .nullable()
    .default(null)
    .describe('What keeps utterances that are no language from being rewarded; null leaves it to the reference.'),
  learningRate: optimisation.learningRate.default(2e-5),
  warmupSteps: optimisation.warmupSteps.default(8),
  weightDecay: optimisation.weightDecay.default(0),
  maxGradientNorm: optimisation.maxGradientNorm.default(1),
  devEvery: countFromZero.default(5).describe('Epochs between two evaluations on dev prompts; 0 is never.'),
});

export type CtbOptions = z.output<typeof ctbSchema>;
