/** ASTPrompter's attack (arXiv 2407.09447): an adversary learns by online IPO (Identity Preference Optimisation) which
 *  of its own utterances make the target fail while they stay likely. */
import { defineAttack } from '../define.js';
import { ipoSchema } from './options.js';
import { ipoWork } from './work.js';

export const ipo = defineAttack({
  summary: 'trains a language-model adversary by online preference learning (IPO or DPO) on paired rollouts',
  schema: ipoSchema,
  needs: ['text'],
  product: 'model',
  adversary: 'trains',
  trainsOnJudge: true,
  traits: ({ reward, targetTexts, from, horizon, devEvery, weakSupervision, branch, candidates }) => ({
    reward,
    targetTexts,
    startsFrom: from,
    horizon,
    prompts: [{ set: 'train' }, ...(devEvery > 0 ? [{ set: 'dev', because: `devEvery ${devEvery}` } as const] : [])],
    texts:
      weakSupervision === null
        ? null
        : { ...weakSupervision, key: 'weakSupervision.data', maxTexts: null, maxTokens: null },
    broken:
      branch <= candidates
        ? []
        : [{ path: ['branch'], message: `must not exceed candidates (${candidates})`, remedy: null }],
  }),
  work: ipoWork,
  run: async (context, options) => (await import('./loop.js')).runIpo(context, options),
});
