/** How much work a search is that draws from an adversary, counted before it runs. */
import type { TurnCalls } from '../../speakers/calls.js';
import { noWork, speakerWork, targetTextWork, verdictsPerExchange, type Work } from '../../speakers/work.js';
import type { AttackLengths } from '../attack.js';
import type { RewardedSearchOptions } from './options.js';

export function rewardedSearchWork(
  options: Pick<RewardedSearchOptions, 'reward' | 'targetTexts'>,
  { adversary: { utterance }, attacker }: AttackLengths,
  calls: TurnCalls,
): Work {
  const [adversary, target] = [speakerWork(calls.adversary), speakerWork(calls.target)];
  return {
    ...noWork,
    ...(attacker === null ? { adversary } : { otherAdversaries: [{ speaker: attacker, work: adversary }] }),
    target,
    targetTexts: targetTextWork(target.calls, options, utterance),
    judgeQueries: target.queries * verdictsPerExchange,
  };
}
