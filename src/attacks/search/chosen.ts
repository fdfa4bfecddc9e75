/** Chooses among the dialogues that a search has tried. */
import { meanOrZero } from '../../base/sums.js';
import type { ScoredDialogue } from '../../dialogue/types.js';
import type { Found } from './search.js';

/** Returns the mean reward of the exchanges; null where one of them has none. */
function meanReward({ scores }: Pick<ScoredDialogue, 'scores'>): number | null {
  const rewards = scores.flatMap(({ reward }) => (reward === null ? [] : [reward.total]));
  return rewards.length === 0 || rewards.length < scores.length ? null : meanOrZero(rewards);
}

/** Returns dialogues whose reward is known, the best first, the earlier one of equals. */
export function rankByReward(dialogues: readonly ScoredDialogue[]): readonly ScoredDialogue[] {
  return dialogues
    .flatMap((dialogue) => {
      const reward = meanReward(dialogue);
      return reward === null ? [] : [{ dialogue, reward }];
    })
    .sort((a, b) => b.reward - a.reward)
    .map(({ dialogue }) => dialogue);
}

/** The best rewarded dialogue as a find. */
export function bestFind(dialogues: readonly ScoredDialogue[]): Found {
  const [best] = rankByReward(dialogues);
  if (best === undefined) {
    const reason = dialogues.length === 0 ? 'the budget allows for no try' : 'no try has a verdict';
    return { turns: [], score: null, failed: null, reason };
  }
  return {
    turns: best.dialogue.turns.filter(({ author }) => author === 'adversary'),
    score: meanReward(best),
    failed: best.scores.some(({ reply }) => reply.kind === 'scored' && reply.failed),
  };
}
