/** The budget of a prompt: how many more steps it allows, in a run and in the dry run alike. */
import type { Amounts } from '../../base/spending.js';
import { verdictsPerExchange } from '../../speakers/work.js';
import type { SearchBudget } from './options.js';

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
