/** Options that the searches share: the budget of a prompt, the adversary that proposes, how finds are rewarded. */
import { z } from 'zod';
import type { BrokenRule } from '../../base/brokenRule.js';
import { count } from '../../base/schemaParts.js';
import { rewardSchema, targetTextsSchema } from '../../dialogue/rewardSchema.js';
import { defaultTargetTexts } from '../../dialogue/targetText.js';
import { adversaryChangesSchema, promptListFile } from '../../speakers/options.js';

const limit = count.nullable().default(null);

/** The part of a run's spending that the search of one prompt is limited by. */
export const budgetSchema = z
  .strictObject({
    targetReplies: limit.describe('Replies of the target.'),
    judgeTexts: limit.describe('Texts that the judge scores: three per exchange.'),
    targetEvaluations: limit.describe('Sequences that the target’s model only scores.'),
    targetGradients: limit.describe('Gradients through the target’s model.'),
  })
  .prefault({})
  .describe(
    'Most that the search of one prompt may spend; null is no limit. A step that would exceed it is not taken, so that attacks of equal budgets can be compared.',
  );

export type SearchBudget = z.output<typeof budgetSchema>;

/** Returns the limits that are set, by name. */
export function limitsOf(budget: SearchBudget): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(budget).flatMap(([name, most]) => (most === null ? [] : [[name, most]])));
}

/** Keys of the searches that draw from an adversary. */
export const proposerKeys = {
  from: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('Name of an earlier stage whose adversary proposes. Default: the recipe’s adversary.'),
  attacker: adversaryChangesSchema
    .default({})
    .describe('How the adversary that proposes differs from the recipe’s, such as { temperature: 1 }.'),
} as const;

/** Keys of the searches that look into the target for what makes it say given words. */
export const soughtKeys = {
  message: z
    .string()
    .default('')
    .describe(
      'What the utterance says before what is searched; {{goal}} stands for the prompt’s goal. Default: nothing.',
    ),
  targetTexts: z
    .array(z.string().min(1))
    .min(1)
    .default([...defaultTargetTexts])
    .describe(
      'What the target is to begin its reply with; {{target}} stands for the prompt’s target string. Of several phrasings the mean counts.',
    ),
} as const;

/** Keys of the searches that choose by the reward. */
export const rewardKeys = {
  reward: rewardSchema,
  targetTexts: targetTextsSchema
    .default([...defaultTargetTexts])
    .describe(
      'Phrasings of what the target is to be brought to say, with the prompt’s target in the place {{target}}; for the reward terms targetText and targetTextProbability.',
    ),
} as const;

/** The options that traits and work of a search follow from which draws from an adversary and chooses by the reward. */
export type RewardedSearchOptions = {
  readonly [Key in keyof typeof proposerKeys]: z.output<(typeof proposerKeys)[Key]>;
} & { readonly [Key in keyof typeof rewardKeys]: z.output<(typeof rewardKeys)[Key]> } & {
  readonly horizon: number;
  readonly budget: SearchBudget;
};

/** An adversary proposes anew at every draw: a list says the same again, and a stage's product has its own model. */
export function proposerRules({
  from,
  attacker: { model },
}: Pick<RewardedSearchOptions, 'from' | 'attacker'>): readonly BrokenRule[] {
  if (model === undefined) return [];
  const path = ['attacker', 'model'];
  if (from !== null) return [{ path, message: `the adversary of the stage ${from} proposes`, remedy: 'leave one out' }];
  return promptListFile(model) === null
    ? []
    : [{ path, message: 'a list of prompts says the same at every draw', remedy: 'name a model' }];
}
