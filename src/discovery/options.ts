/** The options of the stage `explore`: how samples are drawn, filtered, embedded and put into clusters. */
import { z } from 'zod';
import type { BrokenRule } from '../base/brokenRule.js';
import { count, countFromZero, modelName, notNegative, path, positive } from '../base/schemaParts.js';
import { judgeSchema } from '../speakers/judges/options.js';

const topicSchema = z.strictObject({
  words: z
    .array(z.string().regex(/[\p{L}\p{N}]/u, 'a word has a letter or a digit'))
    .min(1)
    .optional()
    .describe('Samples with one of these words or phrases, whole and in any case.'),
  judge: judgeSchema.optional().describe('Samples that this judge or classifier scores above its threshold.'),
  examples: path
    .optional()
    .describe('Samples near the mean embedding of the texts of this file, embedded as the samples are.'),
  atLeast: z
    .number()
    .min(-1)
    .max(1)
    .optional()
    .describe(
      'With examples: least cosine of a sample to their mean. It depends on the embedder: there is no default.',
    ),
});

export const exploreSchema = z.strictObject({
  name: modelName.describe('Name of the stage; default explore.'),
  samples: count.default(2000).describe('Samples to keep, those that the rules drop not counted.'),
  maxDraws: count.nullable().default(null).describe('Maximum number of draws; null is four times `samples`.'),
  from: z
    .enum(['start', 'prompts', 'dialogues'])
    .default('start')
    .describe(
      'start: from the start token of a model on this machine. prompts: replies to the training prompts, in turn. dialogues: the replies in dialogues with the recipe’s adversary, as it is, after the training prompts.',
    ),
  turns: count.default(1).describe('Exchanges of a dialogue; from: dialogues only.'),
  temperature: notNegative.default(1.5),
  topK: countFromZero.default(50).describe('0 is off. Local models.'),
  topP: z.number().gt(0).max(1).default(1).describe('1 is off.'),
  repetitionPenalty: positive.default(1).describe('1 is off. Local models.'),
  noRepeatNgram: countFromZero
    .default(2)
    .describe('No n-gram of this many tokens comes twice in a sample and what precedes it; 0 is off. Local models.'),
  maxNewTokens: count.default(20),
  firstSentence: z.boolean().default(true).describe('Keep the first sentence of each sample.'),
  minWords: count.default(4).describe('Samples with fewer words are dropped.'),
  maxWords: count.nullable().default(null).describe('Samples with more words are dropped; null is no limit.'),
  nearDuplicate: z
    .number()
    .gt(0)
    .max(1)
    .nullable()
    .default(0.8)
    .describe('ROUGE-L F1 from which a sample repeats one that was kept; null drops exact duplicates only.'),
  topic: topicSchema
    .nullable()
    .default(null)
    .describe('Samples about anything else are dropped: by words, by a judge, or by examples; null keeps all.'),
  add: path
    .nullable()
    .default(null)
    .describe(
      'Texts of your own among the samples, beside `samples`: no rule drops them, and all are kept for labelling.',
    ),
  embed: z
    .strictObject({
      model: z
        .string()
        .min(1)
        .nullable()
        .default(null)
        .describe('A model on this machine that reads the samples, such as an encoder; null is the target itself.'),
      layer: z
        .int()
        .default(-1)
        .describe(
          '0 the embeddings, n what layer n gives, -1 the states after the final norm, -2 those before the last layer.',
        ),
      pooling: z
        .enum(['last', 'mean'])
        .nullable()
        .default(null)
        .describe(
          'State of the last token, as in the paper, or the mean of all. Null: the mean of the target’s own states; another model pools as its files ask for.',
        ),
    })
    .prefault({}),
  clusters: count.default(100).describe('Never more than samples.'),
  metric: z.enum(['cosine', 'euclidean']).default('cosine'),
  starts: count.default(3).describe('Starts of k-means; the best is kept.'),
  map: countFromZero
    .default(2000)
    .describe('Samples on the map of the report, about as many, some of every cluster; 0 is no map.'),
  perCluster: count.default(200).describe('Most samples of a cluster that are kept for labelling.'),
});

export type ExploreOptions = z.output<typeof exploreSchema>;

export interface ExploreStage {
  readonly name: string;
  readonly options: ExploreOptions;
}

/** Maximum number of draws of a stage. */
export function mostDraws({ samples, maxDraws }: Pick<ExploreOptions, 'samples' | 'maxDraws'>): number {
  return maxDraws ?? 4 * samples;
}

/** Options of which no sample could be kept. */
export function sampleLengthRules({
  minWords,
  maxWords,
}: Pick<ExploreOptions, 'minWords' | 'maxWords'>): readonly BrokenRule[] {
  return maxWords === null || maxWords >= minWords
    ? []
    : [{ path: ['maxWords'], message: `must not be below minWords (${String(minWords)})`, remedy: null }];
}

/** Checks that a topic is one of its three kinds. */
export function topicRules({ topic }: Pick<ExploreOptions, 'topic'>): readonly BrokenRule[] {
  if (topic === null) return [];
  const { words, judge, examples, atLeast } = topic;
  const kinds = [words, judge, examples].filter((kind) => kind !== undefined).length;
  const broken = (key: readonly string[], message: string, remedy: string | null): readonly BrokenRule[] => [
    { path: ['topic', ...key], message, remedy },
  ];
  if (kinds !== 1) return broken([], 'a topic is exactly one of words, judge, examples', null);
  if (examples !== undefined && atLeast === undefined)
    return broken(['atLeast'], 'missing: how near to the examples a sample is', 'give a cosine, such as 0.3');
  return examples === undefined && atLeast !== undefined
    ? broken(['atLeast'], 'given without examples', 'leave it out')
    : [];
}

/** Maximum number of samples that a stage keeps for labelling. */
export function mostKept({
  samples,
  clusters,
  perCluster,
}: Pick<ExploreOptions, 'samples' | 'clusters' | 'perCluster'>): number {
  return Math.min(samples, clusters * perCluster);
}
