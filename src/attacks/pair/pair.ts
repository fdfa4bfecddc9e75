/** PAIR (Prompt Automatic Iterative Refinement, arXiv 2310.08419): a model that is told the goal proposes what to say, sees
 *  the target's reply and the judge's rating, and proposes something better. */
import { defineAttack } from '../define.js';
import { limitsOf } from '../search/options.js';
import { pairSchema } from './options.js';
import { attackerChanges, pairWork } from './work.js';

export const pair = defineAttack({
  summary: 'lets a model that is told the goal refine what to say at each test prompt by reply and rating (PAIR)',
  schema: pairSchema,
  kind: 'search',
  needs: ['text'],
  product: 'finds',
  adversary: 'prompts',
  trainsOnJudge: true,
  traits: (options) => ({
    reward: null,
    horizon: 1,
    prompts: [{ set: 'test' }],
    texts: null,
    attacker: attackerChanges(options),
    instructsAttacker: true,
    budget: limitsOf(options.budget),
    broken: [],
  }),
  work: pairWork,
  run: async (context, options) => (await import('./loop.js')).runPair(context, options),
});
