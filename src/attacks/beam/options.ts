/** The options of the attack `beam`, as a recipe writes them. */
import { z } from 'zod';
import { count } from '../../base/schemaParts.js';
import { attackKeys } from '../attackOptions.js';
import { budgetSchema, proposerKeys, rewardKeys } from '../search/options.js';

export const beamSchema = z.strictObject({
  attack: z.literal('beam'),
  ...attackKeys,
  ...proposerKeys,
  horizon: count.default(3).describe('Exchanges of the dialogue that is searched.'),
  width: count.default(2).describe('Dialogues that go on after each exchange, the best rewarded ones.'),
  expand: count
    .default(4)
    .describe('Utterances that are drawn after each of them; the first exchange draws width × expand.'),
  ...rewardKeys,
  budget: budgetSchema,
});

export type BeamOptions = z.output<typeof beamSchema>;
