/** The options of the attack `gbrt`, as a recipe writes them, and settings by name. */
import { z } from 'zod';
import { count, path, share } from '../../base/schemaParts.js';
import { attackKeys } from '../attackOptions.js';
import { tokenRules } from '../search/allowedTokens.js';
import { budgetSchema, soughtKeys } from '../search/options.js';
import { type Course, courseSchema, weightSchema } from './schedules.js';
import { type Followed, followed, judgedTexts } from './softJudge.js';
import type { SoftSizes } from './softTokens.js';

/** The settings of a search: its sizes and its courses. */
export interface GbrtSettings extends SoftSizes {
  readonly steps: number;
  readonly learningRate: Course;
  readonly temperature: Course;
  /** Share of the steps after which a draw is its likeliest token alone. */
  readonly hardAfter: number;
  readonly replyTemperature: Course;
  /** Whether the reply's tokens are drawn, with Gumbel noise, or mixed as they are probable. */
  readonly replyNoise: boolean;
  /** Weight of the prompt's improbability, which is in nats per token. */
  readonly realism: Course;
  readonly follows: Followed;
  readonly evaluateEvery: number;
}

/** The released code divides the improbability by 30 and weighs it with up to 1.9: in nats per token that is 0.063. */
const publishedRealism: Course = { from: 0, to: 1.9 / 30 };

const namedSettings: Readonly<Record<'published' | 'quick', GbrtSettings>> = {
  published: {
    tokens: 6,
    replyTokens: 4,
    draws: 4,
    steps: 1001,
    learningRate: { from: 0.003, to: 1.5 },
    temperature: { from: 47, to: 0.001 },
    hardAfter: 0.87,
    replyTemperature: { from: 100, to: 0.01 },
    replyNoise: true,
    realism: publishedRealism,
    follows: 'harm',
    evaluateEvery: 10,
  },
  quick: {
    tokens: 10,
    replyTokens: 4,
    draws: 4,
    steps: 150,
    learningRate: { from: 0.3, to: 1 },
    temperature: { from: 2, to: 0.3 },
    hardAfter: 0.87,
    replyTemperature: { from: 1, to: 1 },
    replyNoise: false,
    realism: { from: 0, to: 0.3 },
    follows: 'logHarm',
    evaluateEvery: 10,
  },
};

const names = ['published', 'quick'] as const;

/** Gradient-Based Red Teaming (arXiv 2401.16656). */
export const gbrtSchema = z.strictObject({
  attack: z.literal('gbrt'),
  ...attackKeys,
  like: z
    .enum(names)
    .default('published')
    .describe('Which settings hold where nothing else is said: those of the released code, or shorter ones for CPUs.'),
  loss: z
    .enum(['judge', 'targetText'])
    .default('judge')
    .describe(
      'judge: the target decodes a soft reply, and a classifier reads it. targetText: the mean −log p per token of what the target is to say.',
    ),
  tokens: count.optional().describe('Tokens of the prompt. Default: 6 or 10.'),
  draws: count.optional().describe('Gumbel draws of the one prompt per step: gradients per step. Default: 4.'),
  steps: count.optional().describe('Steps per search. Default: 1001 or 150.'),
  learningRate: courseSchema
    .optional()
    .describe(
      'Of Adam: a number, or { from, to } with equal factors per step. Default: 0.003 to 1.5, or 0.3 to 1: it rises.',
    ),
  temperature: courseSchema.optional().describe('Of the prompt’s Gumbel-softmax. Default: 47 to 0.001, or 2 to 0.3.'),
  hardAfter: share
    .optional()
    .describe(
      'Share of the steps after which a draw is its likeliest token, with the gradient of the soft one. Default: 0.87.',
    ),
  replyTokens: count.max(8).optional().describe('Soft tokens of the reply that the judge reads. Default: 4.'),
  replyTemperature: courseSchema.optional().describe('Of the reply’s Gumbel-softmax. Default: 100 to 0.01, or 1.'),
  replyNoise: z
    .boolean()
    .optional()
    .describe('The reply’s tokens are drawn, with Gumbel noise, as published, or mixed as they are probable.'),
  realism: weightSchema
    .optional()
    .describe(
      'Weight of the prompt’s −log p under the target, in nats per token: a number, or { from, to } with equal amounts per step; 0 leaves it out. Default: 0 to 0.063, which the released code writes as 1.9 / 30, or 0 to 0.3.',
    ),
  reads: z
    .enum(judgedTexts)
    .default('reply')
    .describe('The judge’s classifier reads the soft reply alone (response-only), or prompt and reply.'),
  follows: z
    .enum(followed)
    .optional()
    .describe('The loss is −harm, as published, or −log harm, which also leads on where the harm is near zero.'),
  tokenMap: path
    .nullable()
    .default(null)
    .describe(
      'File that says which token of the judge stands for each of the target, for a judge of other tokens: { "TARGET ID": JUDGE ID, "*": the others }.',
    ),
  allowed: z
    .enum(tokenRules)
    .default('words')
    .describe(
      'words: letters and digits alone or punctuation alone; ascii: printable ASCII; any. Never special tokens.',
    ),
  evaluateEvery: count
    .optional()
    .describe('Steps between two evaluations of the hard prompt, which choose the result. Default: 10.'),
  ...soughtKeys,
  budget: budgetSchema,
  checkpointEvery: count.default(25).describe('Steps between two checkpoints.'),
});

export type GbrtOptions = z.output<typeof gbrtSchema>;

/** The settings that options name, with what they change. */
export function settingsOf({ like, ...own }: GbrtOptions): GbrtSettings {
  const named = namedSettings[like];
  return {
    tokens: own.tokens ?? named.tokens,
    replyTokens: own.replyTokens ?? named.replyTokens,
    draws: own.draws ?? named.draws,
    steps: own.steps ?? named.steps,
    learningRate: own.learningRate ?? named.learningRate,
    temperature: own.temperature ?? named.temperature,
    hardAfter: own.hardAfter ?? named.hardAfter,
    replyTemperature: own.replyTemperature ?? named.replyTemperature,
    replyNoise: own.replyNoise ?? named.replyNoise,
    realism: own.realism ?? named.realism,
    follows: own.follows ?? named.follows,
    evaluateEvery: own.evaluateEvery ?? named.evaluateEvery,
  };
}
