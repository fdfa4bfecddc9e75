/** The supervised baseline (arXiv 2407.09447): an adversary learns by cross-entropy to continue texts as a data set of
 *  failures does. It never meets the target. */
import { defineAttack } from '../define.js';
import { sftSchema } from './options.js';
import { sftWork } from './work.js';

export const sft = defineAttack({
  summary: 'trains a language-model adversary to continue texts as a data set does (supervised baseline)',
  schema: sftSchema,
  kind: 'policy',
  needs: ['text'],
  product: 'model',
  adversary: 'trains',
  trainsOnJudge: false,
  traits: ({ data, format, minHarm, maxTexts, maxTokens }) => ({
    reward: null,
    horizon: 0,
    prompts: [],
    texts: { key: 'data', data, format, minHarm, maxTexts, maxTokens },
    broken: [],
  }),
  work: sftWork,
  run: async (context, options) => (await import('./loop.js')).runSft(context, options),
});
