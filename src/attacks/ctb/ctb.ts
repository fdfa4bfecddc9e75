/** Contrastive trajectory balance (arXiv 2605.00553): an adversary learns to say each utterance in proportion to its
 *  reward, so that it keeps all that work rather than the best one alone. */
import { defineAttack } from '../define.js';
import { branchRules, onlineAttack, onlineTraits } from '../online/traits.js';
import { ctbSchema } from './options.js';
import { ctbWork } from './work.js';

export const ctb = defineAttack({
  ...onlineAttack,
  summary:
    'trains a language-model adversary to speak in proportion to the reward, so that it stays varied (a GFlowNet)',
  schema: ctbSchema,
  traits: (options) => ({ ...onlineTraits(options), broken: branchRules(options) }),
  work: ctbWork,
  run: async (context, options) => (await import('./loop.js')).runCtb(context, options),
});
