/** Greedy Coordinate Gradient (arXiv 2307.15043): a search for a suffix of tokens that makes given words the likely
 *  beginning of the target's reply. It looks into the target; the judge has no part in it but to end it. */
import type { BrokenRule } from '../../base/brokenRule.js';
import { defineAttack } from '../define.js';
import { limitsOf } from '../search/options.js';
import { type GcgOptions, gcgSchema, settingsOf } from './options.js';
import { gcgWork } from './work.js';

export const gcg = defineAttack({
  summary: 'searches a suffix, token by token, that makes given words the likely beginning of the target’s reply',
  schema: gcgSchema,
  kind: 'search',
  needs: ['weights'],
  product: 'finds',
  adversary: 'none',
  trainsOnJudge: false,
  traits: (options) => {
    const { suffixes, budget } = options;
    const isTried = settingsOf(options).checkEvery !== null;
    return {
      reward: null,
      horizon: isTried ? 1 : 0,
      trainsOnJudge: isTried,
      kind: suffixes === 'shared' ? 'policy' : 'search',
      prompts: [...(suffixes === 'shared' ? [{ set: 'train' } as const] : []), { set: 'test' }],
      texts: null,
      models: options.also.map((model, i) => ({ key: `also.${String(i)}`, model })),
      ...(suffixes === 'shared' ? {} : { budget: limitsOf(budget) }),
      broken: brokenRules(options),
    };
  },
  work: gcgWork,
  run: async (context, options) => (await import('./loop.js')).runGcg(context, options),
});

function brokenRules({ suffixes, checkEvery, budget }: GcgOptions): readonly BrokenRule[] {
  if (suffixes === 'perPrompt') return [];
  return [
    ...(checkEvery === undefined || checkEvery === null
      ? []
      : [
          {
            path: ['checkEvery'],
            message: 'a shared suffix is not tried with the target while it is searched',
            remedy: 'leave it out, or end the search by stopBelow',
          },
        ]),
    ...(Object.keys(limitsOf(budget)).length === 0
      ? []
      : [
          {
            path: ['budget'],
            message: 'a budget is of one prompt, and a shared suffix has many',
            remedy: 'limit steps in its place',
          },
        ]),
  ];
}
