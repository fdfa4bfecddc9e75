/** The options of the attack `bestOfN`, as a recipe writes them. */
import { z } from 'zod';
import { count } from '../../base/schemaParts.js';
import { attackKeys } from '../attackOptions.js';
import { budgetSchema, proposerKeys, rewardKeys } from '../search/options.js';

export const bestOfNSchema = z.strictObject({
  attack: z.literal('bestOfN'),
  ...attackKeys,
  ...proposerKeys,
  n: count.default(16).describe('Dialogues that are drawn for each test prompt.'),
  horizon: count.default(1).describe('Exchanges of a dialogue; the best whole dialogue is kept.'),
  ...rewardKeys,
  budget: budgetSchema,
});

export type BestOfNOptions = z.output<typeof bestOfNSchema>;
