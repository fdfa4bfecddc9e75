/** Dialogue action tokens (arXiv 2406.11978): a small planner steers a frozen adversary by soft tokens. It is trained
 *  first to copy, by self-cloning, and then to win, by TD3+BC on a buffer of explored dialogues. */
import type { BrokenRule } from '../../base/brokenRule.js';
import { defineAttack } from '../define.js';
import { type DatOptions, datSchema } from './options.js';
import { datWork } from './work.js';

export const dat = defineAttack({
  summary: 'trains a small planner that steers a frozen adversary by soft tokens (dialogue action tokens)',
  schema: datSchema,
  kind: 'policy',
  needs: ['text'],
  product: 'planner',
  adversary: 'steers',
  trainsOnJudge: true,
  traits: (options) => ({
    reward: options.reward,
    targetTexts: options.targetTexts,
    startsFrom: options.from,
    horizon: options.horizon,
    prompts: [{ set: 'train' }],
    texts: null,
    broken: brokenRules(options),
  }),
  work: datWork,
  run: async (context, options) => (await import('./loop.js')).runDat(context, options),
});

function brokenRules({ collect, improve, from }: DatOptions): readonly BrokenRule[] {
  if (improve === null && collect.buffer !== null)
    return [{ path: ['collect', 'buffer'], message: 'nothing is learnt from a buffer without improve', remedy: null }];
  if (from === null && collect.buffer !== null)
    return [
      {
        path: ['collect', 'buffer'],
        message: 'a buffer belongs to the planner that explored for it, and a new clone is another',
        remedy: 'name the stage of that planner in from',
      },
    ];
  return [];
}
