/** The options of the attack `gflownet`, as a recipe writes them. */
import { z } from 'zod';
import { count, countFromZero, notNegative, optimisation, positive } from '../../base/schemaParts.js';
import { attackKeys } from '../attackOptions.js';
import { onlineKeys } from '../online/options.js';

const replayKeys = z
  .strictObject({
    share: z
      .number()
      .min(0)
      .lt(1)
      .default(0.5)
      .describe('Share of the steps that train on the buffer; 0 replays nothing.'),
    capacity: count.default(1000).describe('Utterances that the buffer keeps.'),
    nearness: z
      .number()
      .min(0)
      .max(1)
      .default(0.25)
      .describe(
        'Utterances that differ by fewer edits than this share of both their lengths are one; the better stays.',
      ),
    temperature: positive.default(1).describe('Entries are drawn in proportion to exp(reward / temperature).'),
  })
  .prefault({});

const temperatureKeys = z
  .strictObject({
    from: positive.default(1),
    to: positive.default(1),
    epochs: countFromZero.default(0).describe('Epochs over which it goes from one to the other, by equal amounts.'),
  })
  .prefault({})
  .describe('Divides log R: above 1 rewards differ less, as at the beginning of the published schedule (2 to 1).');

/** GFlowNet fine-tuning by trajectory balance (arXiv 2405.18540). */
export const gflownetSchema = z.strictObject({
  attack: z.literal('gflownet'),
  ...attackKeys,
  ...onlineKeys,
  horizon: count.default(1).describe('Exchanges in a dialogue.'),
  candidates: count.default(6).describe('Utterances drawn at every node.'),
  branch: count
    .default(1)
    .describe('Candidates whose dialogue goes on: the best, the worst, then by reward. 1 goes on after the best.'),
  epochs: count.default(20),
  beta: positive
    .default(0.3)
    .describe('Reward per nat: log R = log π_ref + reward / beta. Smaller is greedier and less varied.'),
  gamma: positive.default(1).describe('Divides log π_ref in log R: above 1 the reference counts less.'),
  rewardTemperature: temperatureKeys,
  scoreClip: positive.nullable().default(null).describe('Rewards are cut to plus and minus this; null is never.'),
  replay: replayKeys,
  passes: count.default(1).describe('Passes over the utterances of an epoch.'),
  batchSize: count.default(24).describe('Utterances of a step.'),
  learningRate: optimisation.learningRate.default(5e-5),
  warmupSteps: optimisation.warmupSteps.default(8),
  weightDecay: notNegative.default(0),
  maxGradientNorm: optimisation.maxGradientNorm.default(1),
  devEvery: countFromZero.default(5).describe('Epochs between two evaluations on dev prompts; 0 is never.'),
});

export type GflownetOptions = z.output<typeof gflownetSchema>;
