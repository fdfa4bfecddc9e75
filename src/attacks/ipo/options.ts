/** The options of the attack `ipo`, as a recipe writes them. */
import { z } from 'zod';
import { count, countFromZero, optimisation, path, positive, share } from '../../base/schemaParts.js';
import { attackKeys } from '../attackOptions.js';
import { onlineKeys, pairKeys } from '../online/options.js';

const weakSupervisionSchema = z.strictObject({
  data: path
    .nullable()
    .describe(
      'Texts that show the failure; the second half of one is the forced winner. null leaves the stage out until data is given.',
    ),
  format: z.string().optional(),
  probability: share.default(0.5).describe('Chance that a prompt of an epoch is replaced by a demonstration.'),
  minHarm: share.default(0.5).describe('Only texts that the judge scores above it are demonstrations.'),
  onlyEpochs: countFromZero.default(0).describe('Number of epochs at the start that only have demonstrations.'),
});

/** Online IPO (arXiv 2407.09447, algorithms 1 and 2). */
export const ipoSchema = z.strictObject({
  attack: z.literal('ipo'),
  ...attackKeys,
  ...onlineKeys,
  ...pairKeys,
  horizon: count.default(3).describe('Exchanges in a dialogue.'),
  candidates: z
    .int()
    .min(2)
    .default(2)
    .describe('Utterances drawn at every node; the best and the worst rewarded make the pair.'),
  branch: count
    .default(2)
    .describe(
      'Candidates whose dialogue goes on: the best, the worst, then by reward. 2 with 2 candidates is the paper’s tree.',
    ),
  epochs: count.default(40),
  batchPairs: count.default(8),
  loss: z.enum(['ipo', 'dpo']).default('ipo'),
  beta: positive.default(0.05),
  logProbs: z
    .enum(['sum', 'mean'])
    .default('sum')
    .describe('How the loss joins the tokens of an utterance; beta does not carry over from one to the other.'),
  learningRate: optimisation.learningRate.default(1e-4),
  warmupSteps: optimisation.warmupSteps.default(8),
  weightDecay: optimisation.weightDecay.default(0),
  maxGradientNorm: optimisation.maxGradientNorm.default(1),
  weakSupervision: weakSupervisionSchema.nullable().default(null),
  devEvery: countFromZero.default(10).describe('Epochs between two evaluations on dev prompts; 0 is never.'),
});

export type IpoOptions = z.output<typeof ipoSchema>;
