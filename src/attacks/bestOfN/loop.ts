/** Best of N: all dialogues of a prompt are drawn at once. */
import type { AttackContext, AttackOutcome } from '../attack.js';
import { rewardedCost } from '../search/budget.js';
import { bestFind } from '../search/chosen.js';
import { searchPrompts } from '../search/search.js';
import type { BestOfNOptions } from './options.js';

export async function runBestOfN(context: AttackContext, options: BestOfNOptions): Promise<AttackOutcome> {
  const { target, judge, join } = context;
  const { n, horizon, reward, targetTexts, budget } = options;
  const cast = { adversary: await context.attacker(), target, judge, join, reward, targetTexts };
  return searchPrompts(context, budget, async ({ prompt, stream, affordable, tried }) => {
    const draws = affordable(n, rewardedCost(options, horizon));
    const prompts = Array.from({ length: draws }, () => prompt);
    const played = (await context.playJobs([{ kind: 'linear', prompts, turns: horizon, stream }], cast)).flat();
    tried(played);
    return bestFind(played);
  });
}
