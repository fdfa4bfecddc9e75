/** The options of the attack `curiosity`, as a recipe writes them: PPO's, with the settings of curiosity-driven red
 *  teaming (arXiv 2402.19464) where a recipe leaves something out. */
import { z } from 'zod';
import { optimisation, positive } from '../../base/schemaParts.js';
import { curiosityKeys } from '../online/options.js';
import { ppoSchema } from '../ppo/options.js';

export const curiositySchema = ppoSchema.extend({
  attack: z.literal('curiosity'),
  curiosity: curiosityKeys
    .prefault({})
    .describe('Novelty against all that was said in earlier epochs, whether it worked or not.'),
  kl: ppoSchema.shape.kl.unwrap().prefault({ coefficient: 0.001 }).describe('The penalty on leaving the reference.'),
  scoreClip: positive.nullable().default(10).describe('Rewards are cut to plus and minus this; null is never.'),
  learningRate: optimisation.learningRate.default(3e-5),
});

export type CuriosityAttackOptions = z.output<typeof curiositySchema>;
