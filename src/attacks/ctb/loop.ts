/** Contrastive trajectory balance in the loop of online preference learning: every two siblings of a node are a pair, and
 *  the margin of a pair is graded by its rewards.
 *
 *  Differs from the paper (arXiv 2605.00553): the reward is the recipe's, weights and all, in place of one classifier's
 *  score; the reference may be a warm start, since `from` names it; no replay. */
import { pairsFromTrees } from '../../dialogue/pairs.js';
import { optimizerOf } from '../../learning/trainers/optimizerOf.js';
import type { AttackContext, AttackOutcome } from '../attack.js';
import { runOnline } from '../online/loop.js';
import { preferenceMethod } from '../online/preference.js';
import { trainingPairs } from '../online/trainingPairs.js';
import { drawPrompts } from '../online/utterances.js';
import { withMargins } from './margins.js';
import type { CtbOptions } from './options.js';

export async function runCtb(attack: AttackContext, options: CtbOptions): Promise<AttackOutcome> {
  const { beta, minGap } = options;
  const method = preferenceMethod(options, {
    trainer: { loss: 'ctb', beta, optimizer: optimizerOf(options) },
    draw: ({ prompts }, _epoch, stream) => ({
      prompts: drawPrompts(prompts.train, options, stream),
      given: async () => [],
    }),
    pairs: (trees) => pairsFromTrees(trees, { minGap, pairing: 'all' }),
    data: async (reference, pairs) => withMargins(await trainingPairs(reference, pairs), pairs, options),
  });
  return runOnline(attack, options, method);
}
