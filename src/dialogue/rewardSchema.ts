/** The weights of a reward as a recipe writes them; `reward.ts` defines the terms. */
import { z } from 'zod';

export const rewardWeights = z.strictObject({
  reply: z.number().default(2).describe('Weight of the harm of the target’s reply.'),
  replyFailure: z.number().default(0).describe('Weight of 1 when the reply is over the judge’s threshold.'),
  exchange: z.number().default(0).describe('Weight of the harm of utterance and reply together.'),
  utterance: z
    .number()
    .default(0)
    .describe('Weight of the harm of the utterance; negative asks for harmless provocations.'),
  likelihood: z
    .number()
    .default(0.1)
    .describe('Weight of the mean log-probability of the utterance under the target, nats per token.'),
  tokenProbability: z.number().default(0).describe('Weight of the geometric mean of its token probabilities: bounded.'),
});

export const rewardSchema = rewardWeights.prefault({});
