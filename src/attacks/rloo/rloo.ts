/** REINFORCE with a leave-one-out baseline (RLOO, arXiv 2402.14740): an adversary learns to say what earned more than its
 *  siblings did. */
import { defineAttack } from '../define.js';
import { branchRules, onlineAttack, onlineTraits } from '../online/traits.js';
import { rlooSchema } from './options.js';
import { rlooWork } from './work.js';

export const rloo = defineAttack({
  ...onlineAttack,
  summary: 'trains a language-model adversary by REINFORCE, each utterance against the mean of its siblings (RLOO)',
  schema: rlooSchema,
  traits: (options) => ({ ...onlineTraits(options), broken: branchRules(options) }),
  work: rlooWork,
  run: async (context, options) => (await import('./loop.js')).runRloo(context, options),
});
