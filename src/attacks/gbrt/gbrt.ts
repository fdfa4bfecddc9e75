/** Gradient-Based Red Teaming (arXiv 2401.16656): a search for a prompt in relaxed tokens, by the gradient of a judge that
 *  reads what the target softly replies, or of given words. It looks into the target, and into the judge. */
import { defineAttack } from '../define.js';
import { limitsOf } from '../search/options.js';
import { gbrtSchema } from './options.js';
import { gbrtWork } from './work.js';

export const gbrt = defineAttack({
  summary: 'searches a prompt by gradients through target and judge, in relaxed tokens of which the hard ones count',
  schema: gbrtSchema,
  kind: 'search',
  needs: ['weights'],
  product: 'finds',
  adversary: 'none',
  trainsOnJudge: true,
  traits: ({ loss, reads, tokenMap, budget }) => {
    const isJudged = loss === 'judge';
    return {
      reward: isJudged ? { [reads]: 1 } : null,
      horizon: isJudged ? 1 : 0,
      trainsOnJudge: isJudged,
      prompts: [{ set: 'test' }],
      texts: null,
      budget: limitsOf(budget),
      broken:
        isJudged || tokenMap === null
          ? []
          : [{ path: ['tokenMap'], message: 'no judge reads soft tokens for this loss', remedy: 'leave it out' }],
    };
  },
  work: gbrtWork,
  run: async (context, options) => (await import('./loop.js')).runGbrt(context, options),
});
