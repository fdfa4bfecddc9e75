/** How much work the attack `bestOfN` is, counted before it runs. */
import { searchCalls } from '../../speakers/calls.js';
import type { Work } from '../../speakers/work.js';
import type { AttackLengths } from '../attack.js';
import { affordableSteps, rewardedCost } from '../search/budget.js';
import { rewardedSearchWork } from '../search/work.js';
import type { BestOfNOptions } from './options.js';

export function bestOfNWork(options: BestOfNOptions, facts: AttackLengths): Work {
  const { n, horizon, budget } = options;
  const rows = affordableSteps(budget, {}, { wanted: n, each: rewardedCost(options, horizon) });
  const turns = Array.from({ length: horizon }, (_, turn) => ({ rows, contexts: turn === 0 ? 1 : rows }));
  return rewardedSearchWork(options, facts, searchCalls(facts, facts.evaluated, turns));
}
