/** The traits of the searches that draw from an adversary and choose by the reward. */
import type { AttackTraits } from '../attack.js';
import { limitsOf, proposerRules, type RewardedSearchOptions } from './options.js';

/** The part that does not depend on options. */
export const rewardedSearch = {
  kind: 'search',
  needs: ['text'],
  product: 'finds',
  adversary: 'prompts',
  trainsOnJudge: true,
} as const;

export function rewardedSearchTraits(options: RewardedSearchOptions): AttackTraits {
  const { from, attacker, reward, targetTexts, horizon, budget } = options;
  return {
    reward,
    targetTexts,
    startsFrom: from,
    horizon,
    prompts: [{ set: 'test' }],
    texts: null,
    attacker,
    budget: limitsOf(budget),
    broken: proposerRules(options),
  };
}
