/** The options of the attack `ipo`, as a recipe writes them. */
import { z } from 'zod';
import { count, countFromZero, notNegative, optimisation, path, positive, share } from '../../base/schemaParts.js';
import { rewardSchema, targetTextsSchema } from '../../dialogue/rewardSchema.js';
import { defaultTargetTexts } from '../../dialogue/targetText.js';
import { attackKeys } from '../attackOptions.js';

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

const explorationSchema = z
  .strictObject({
    temperature: notNegative.optional(),
    topP: z.number().gt(0).max(1).optional(),
    topK: countFromZero.optional(),
    minP: share.optional(),
    repetitionPenalty: positive.optional(),
  })
  .prefault({})
  .describe(
    'How the adversary draws in training rollouts, where that differs from `adversary:`; dev evaluation keeps to `adversary:`.',
  );

/** Online IPO (arXiv 2407.09447, algorithms 1 and 2). */
export const ipoSchema = z.strictObject({
  attack: z.literal('ipo'),
  ...attackKeys,
  from: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'Name of an earlier stage whose adversary this one starts from, and is held close to. Default: the recipe’s adversary.',
    ),
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
  exploration: explorationSchema,
  minGap: notNegative.default(0).describe('Pairs whose rewards differ by less are dropped; 0 drops ties only.'),
  epochs: count.default(40),
  promptsPerEpoch: count.default(16),
  batchPairs: count.default(8),
  batches: z
    .enum(['mixed', 'trees'])
    .default('trees')
    .describe(
      'What a step trains on: whole trees, whose common history is computed once (about half the cost), or pairs mixed, as in the paper.',
    ),
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
  reward: rewardSchema,
  targetTexts: targetTextsSchema
    .default([...defaultTargetTexts])
    .describe(
      'Phrasings of what the target is to be brought to say, with the prompt’s target in the place {{target}}; for the reward terms targetText and targetTextProbability.',
    ),
  weakSupervision: weakSupervisionSchema.nullable().default(null),
  devEvery: countFromZero.default(10).describe('Epochs between two evaluations on dev prompts; 0 is never.'),
  devPrompts: count.default(32),
  patience: countFromZero
    .default(0)
    .describe('Number of dev evaluations without a better reward before training stops; 0 is never.'),
  keep: z
    .enum(['best', 'last'])
    .default('best')
    .describe('Which weights are the result: of the best dev reward, or the last.'),
});

export type IpoOptions = z.output<typeof ipoSchema>;
