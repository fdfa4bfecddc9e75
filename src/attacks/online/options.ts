/** Options that the online attacks share: how they roll out, train, and choose weights. */
import { z } from 'zod';
import { count, countFromZero, notNegative, path, positive, share } from '../../base/schemaParts.js';
import { rewardSchema, targetTextsSchema } from '../../dialogue/rewardSchema.js';
import { defaultTargetTexts } from '../../dialogue/targetText.js';

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

const diversitySchema = z
  .strictObject({
    weight: positive.default(5).describe('Taken from the reward of an utterance that is what all others are.'),
    scale: positive
      .nullable()
      .default(null)
      .describe('L1 distance at which closeness has fallen to 1/e; null is the median distance of the first epoch.'),
    layer: z.int().default(-1).describe('Of the target: 0 the embeddings, n what layer n gives, -1 the final states.'),
  })
  .nullable()
  .default(null)
  .describe(
    'Penalty on utterances that lie close to the others of their epoch in the target’s own embeddings; null is none. Targets on this machine.',
  );

export type DiversityOptions = NonNullable<z.output<typeof diversitySchema>>;

export const curiosityKeys = z.strictObject({
  words: notNegative
    .default(1)
    .describe('Taken from the reward of an utterance whose words were all said before, as self-BLEU of 2 to 5 words.'),
  meaning: notNegative
    .default(1)
    .describe('Taken at a mean cosine of 1 to all that was said before; 0 reads no meaning.'),
  entropy: notNegative.default(0.01).describe('Reward per nat of −log π, the mean over the utterance’s tokens.'),
  encoder: path
    .nullable()
    .default(null)
    .describe('Encoder that reads meaning, such as all-MiniLM-L6-v2; null is the target’s own mean state.'),
});

export type CuriosityOptions = z.output<typeof curiosityKeys>;

/** Keys that need no default of their own by attack. */
export const onlineKeys = {
  from: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'Name of an earlier stage whose adversary this one starts from, and is held close to. Default: the recipe’s adversary.',
    ),
  exploration: explorationSchema,
  novelty: notNegative
    .default(0)
    .describe(
      'Weight of novelty in training and dev rewards: the harm of the reply × the share of the other utterances of the epoch (or of the dev evaluation) that are not near this one.',
    ),
  noveltyFrom: z
    .enum(['epoch', 'taught'])
    .default('epoch')
    .describe('taught: an utterance near a text that the recipe teaches earns no novelty, however few say it.'),
  diversity: diversitySchema,
  curiosity: curiosityKeys
    .nullable()
    .default(null)
    .describe('Novelty against all that was said in earlier epochs, whether it worked or not; null is none.'),
  tooShort: z
    .strictObject({
      characters: count.default(10).describe('Of the utterance, white space around it not counted.'),
      reward: z.number().default(-5),
    })
    .nullable()
    .default(null)
    .describe(
      'What an utterance of at most this many characters earns in training, whatever its reply; null is never.',
    ),
  promptsPerEpoch: count.default(16),
  reward: rewardSchema,
  targetTexts: targetTextsSchema
    .default([...defaultTargetTexts])
    .describe(
      'Phrasings of what the target is to be brought to say, with the prompt’s target in the place {{target}}; for the reward terms targetText and targetTextProbability.',
    ),
  devPrompts: count.default(32),
  patience: countFromZero
    .default(0)
    .describe('Number of dev evaluations without a better reward before training stops; 0 is never.'),
  keep: z
    .enum(['best', 'last'])
    .default('best')
    .describe('Which weights are the result: of the best dev reward, or the last.'),
} as const;

/** Keys of the attacks that train on pairs. */
export const pairKeys = {
  minGap: notNegative.default(0).describe('Pairs whose rewards differ by less are dropped; 0 drops ties only.'),
  batches: z
    .enum(['mixed', 'trees'])
    .default('trees')
    .describe(
      'What a step trains on: whole trees, whose common history is computed once (about half the cost), or pairs mixed, as in the paper.',
    ),
} as const;

/** The loop reads these. */
export type OnlineOptions = {
  readonly [Key in keyof typeof onlineKeys]: z.output<(typeof onlineKeys)[Key]>;
} & {
  readonly horizon: number;
  readonly candidates: number;
  readonly branch: number;
  readonly epochs: number;
  readonly devEvery: number;
};
