/** The budget of a prompt: how many more steps it allows, in a run and in the dry run alike. */
import type { Amounts } from '../../base/spending.js';
import { asksForTargetText } from '../../dialogue/reward.js';
import { verdictsPerExchange } from '../../speakers/work.js';
import type { RewardedSearchOptions, SearchBudget } from './options.js';

export const budgetNames = ['targetReplies', 'judgeTexts', 'targetEvaluations', 'targetGradients'] as const;

/** Returns how many of the wanted steps the budget allows.
 *  @param each what a step costs at most */
export function affordableSteps(
  budget: SearchBudget,
  spent: Amounts,
  { wanted, each }: { readonly wanted: number; readonly each: Amounts },
): number {
  const limits = budgetNames.flatMap((name) => {
    const [limit, cost] = [budget[name], each[name] ?? 0];
    return limit === null || cost === 0 ? [] : [Math.floor((limit - (spent[name] ?? 0)) / cost)];
  });
  return Math.max(0, Math.min(wanted, ...limits));
}

/** Returns the cost of exchanges that are judged. */
export function exchangeCost(exchanges: number): Amounts {
  return { targetReplies: exchanges, judgeTexts: exchanges * verdictsPerExchange };
}

/** Returns the most that exchanges cost which are rewarded: the target scores every phrasing of its words, where the reward
 *  asks how likely they are. */
export function rewardedCost(
  { reward, targetTexts }: Pick<RewardedSearchOptions, 'reward' | 'targetTexts'>,
  exchanges: number,
): Amounts {
  const scored = asksForTargetText(reward) ? exchanges * targetTexts.length : 0;
  return { ...exchangeCost(exchanges), ...(scored === 0 ? {} : { targetEvaluations: scored }) };
}

/** Returns what both cost together. */
export function addAmounts(one: Amounts, other: Amounts): Amounts {
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])] as (keyof Amounts)[]; // Their own keys.
  return Object.fromEntries(names.map((name) => [name, (one[name] ?? 0) + (other[name] ?? 0)]));
}

/** Returns a multiple or a share of a cost. */
export function scaleAmounts(amounts: Amounts, factor: number): Amounts {
  return Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, amount * factor]));
}
