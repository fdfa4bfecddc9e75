/** ASTPrompter's attack (arXiv 2407.09447): an adversary learns by online IPO (Identity Preference Optimisation) which
 *  of its own utterances make the target fail while they stay likely. */
import { defineAttack } from '../define.js';
import { branchRules, onlineAttack, onlineTraits } from '../online/traits.js';
import { ipoSchema } from './options.js';
import { ipoWork } from './work.js';

export const ipo = defineAttack({
  ...onlineAttack,
  summary: 'trains a language-model adversary by online preference learning (IPO or DPO) on paired rollouts',
  schema: ipoSchema,
  traits: (options) => ({
    ...onlineTraits(options),
    texts:
      options.weakSupervision === null
        ? null
        : { ...options.weakSupervision, key: 'weakSupervision.data', maxTexts: null, maxTokens: null },
    broken: branchRules(options),
  }),
  work: ipoWork,
  run: async (context, options) => (await import('./loop.js')).runIpo(context, options),
});
