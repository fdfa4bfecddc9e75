/** Proximal policy optimisation (PPO, arXiv 1707.06347): an adversary learns, token by token, to say what earned more than
 *  a value head expected, and is held close to a reference. */
import { defineAttack } from '../define.js';
import { onlineAttack, onlineTraits } from '../online/traits.js';
import { ppoSchema } from './options.js';
import { controlRules } from './settings.js';
import { ppoWork } from './work.js';

export const ppo = defineAttack({
  ...onlineAttack,
  trainsValueHead: true,
  summary: 'trains a language-model adversary by PPO, with a value head and a penalty on leaving the reference',
  schema: ppoSchema,
  traits: (options) => ({ ...onlineTraits(options), broken: controlRules(options) }),
  work: ppoWork,
  run: async (context, options) => (await import('./loop.js')).runPpo(context, options),
});
