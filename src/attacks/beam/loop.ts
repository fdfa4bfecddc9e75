/** Beam search, exchange by exchange: all draws of an exchange are one batch. */
import { childKey } from '../../base/random.js';
import { present } from '../../base/invariant.js';
import type { ScoredDialogue } from '../../dialogue/types.js';
import type { AttackContext, AttackOutcome } from '../attack.js';
import { rewardedCost } from '../search/budget.js';
import { bestFind, rankByReward } from '../search/chosen.js';
import { searchPrompts } from '../search/search.js';
import type { BeamOptions } from './options.js';

export async function runBeam(context: AttackContext, options: BeamOptions): Promise<AttackOutcome> {
  const { target, judge, join } = context;
  const { horizon, width, expand, reward, targetTexts, budget } = options;
  const cast = { adversary: await context.attacker(), target, judge, join, reward, targetTexts };
  return searchPrompts(context, budget, async ({ prompt, stream, affordable, tried, mayGoOn }) => {
    let best: readonly ScoredDialogue[] = [];
    for (let turn = 0; turn < horizon; turn++) {
      mayGoOn();
      const stems = turn === 0 ? [{ dialogue: { prompt, turns: [] }, scores: [] }] : best;
      const draws = affordable(turn === 0 ? width * expand : stems.length * expand, rewardedCost(options, 1));
      // Every dialogue gets its draws in turn, so that a budget that ends here is divided evenly.
      const drawn = Array.from({ length: draws }, (_, i) => present(stems[i % stems.length], 'a dialogue to go on'));
      const job = {
        kind: 'linear',
        prompts: drawn.map(() => prompt),
        before: drawn.map(({ dialogue }) => dialogue),
        turns: 1,
        stream: childKey(stream, turn),
      } as const;
      const played = (await context.playJobs([job], cast)).flat().map(({ dialogue, scores }, i) => ({
        dialogue,
        scores: [...present(drawn[i], 'a dialogue that went on').scores, ...scores],
      }));
      tried(played);
      const kept = distinct(rankByReward(played)).slice(0, width);
      // Without a verdict, or a budget for more, the search ends with the dialogues before.
      if (kept.length === 0) return bestFind(turn === 0 ? played : best);
      best = kept;
    }
    return bestFind(best);
  });
}

/** Returns dialogues of different words, the first of those that say the same. */
function distinct(dialogues: readonly ScoredDialogue[]): readonly ScoredDialogue[] {
  const seen = new Set<string>();
  return dialogues.filter(({ dialogue: { turns } }) => {
    const words = JSON.stringify(turns.map(({ text }) => text));
    return seen.size < seen.add(words).size;
  });
}
