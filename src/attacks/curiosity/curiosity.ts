/** Curiosity-driven red teaming (arXiv 2402.19464): PPO whose reward pays what was not said before, so that the adversary
 *  moves on from what it has found. The same terms serve `ipo`, `ctb`, `rloo` and `ppo` under their key `curiosity`. */
import { defineAttack } from '../define.js';
import { onlineAttack, onlineTraits } from '../online/traits.js';
import { controlRules } from '../ppo/settings.js';
import { ppoWork } from '../ppo/work.js';
import { type CuriosityAttackOptions, curiositySchema } from './options.js';

export const curiosity = defineAttack({
  ...onlineAttack,
  trainsValueHead: true,
  summary: 'trains a language-model adversary by PPO, and pays it for what it has not said before',
  schema: curiositySchema,
  traits: (options) => ({ ...onlineTraits(options), broken: controlRules(asPpo(options)) }),
  work: (options, facts) => ppoWork(asPpo(options), facts),
  run: async (context, options) => (await import('../ppo/loop.js')).runPpo(context, asPpo(options)),
});

function asPpo(options: CuriosityAttackOptions): Parameters<typeof ppoWork>[0] {
  return { ...options, attack: 'ppo' };
}
