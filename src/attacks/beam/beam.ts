/** Beam search over dialogues: after each exchange the best rewarded dialogues go on, each with several draws of the
 *  adversary's next utterance. */
import { defineAttack } from '../define.js';
import { rewardedSearch, rewardedSearchTraits } from '../search/traits.js';
import { beamSchema } from './options.js';
import { beamWork } from './work.js';

export const beam = defineAttack({
  ...rewardedSearch,
  summary: 'draws utterances of an adversary turn by turn, and goes on with the best rewarded dialogues of each prompt',
  schema: beamSchema,
  traits: rewardedSearchTraits,
  work: beamWork,
  run: async (context, options) => (await import('./loop.js')).runBeam(context, options),
});
