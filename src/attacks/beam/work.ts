/** How much work the attack `beam` is, counted before it runs: as many dialogues as can go on. */
import { searchCalls } from '../../speakers/calls.js';
import type { Work } from '../../speakers/work.js';
import type { AttackLengths } from '../attack.js';
import { affordableSteps, rewardedCost } from '../search/budget.js';
import { rewardedSearchWork } from '../search/work.js';
import type { BeamOptions } from './options.js';

export function beamWork(options: BeamOptions, facts: AttackLengths): Work {
  const { horizon, width, expand, budget } = options;
  let played = 0;
  const turns = Array.from({ length: horizon }, (_, turn) => {
    const spent = rewardedCost(options, played);
    const rows = affordableSteps(budget, spent, { wanted: width * expand, each: rewardedCost(options, 1) });
    played += rows;
    return { rows, contexts: turn === 0 ? Math.min(1, rows) : Math.min(width, rows) };
  });
  return rewardedSearchWork(options, facts, searchCalls(facts, facts.evaluated, turns));
}
