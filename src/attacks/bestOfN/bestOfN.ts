/** Best of N: an adversary draws several dialogues for each prompt, and the best rewarded one is said. What best-of-N
 *  jailbreaking (arXiv 2412.03556) does with random changes of a text, this does with the draws of any adversary. */
import { defineAttack } from '../define.js';
import { rewardedSearch, rewardedSearchTraits } from '../search/traits.js';
import { bestOfNSchema } from './options.js';
import { bestOfNWork } from './work.js';

export const bestOfN = defineAttack({
  ...rewardedSearch,
  summary: 'draws n dialogues of an adversary for each test prompt, and keeps the best rewarded one',
  schema: bestOfNSchema,
  traits: rewardedSearchTraits,
  work: bestOfNWork,
  run: async (context, options) => (await import('./loop.js')).runBestOfN(context, options),
});
