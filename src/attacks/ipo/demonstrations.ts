/** Weak supervision by pairs whose winner is given. A text that shows the failure (a demonstration) is the forced winner
 *  after its prefix, and the adversary's own utterance is the loser. Both are answered and rewarded as in a rollout, so
 *  that the log says how often the reward disagrees with the demonstration. */
import { present } from '../../base/invariant.js';
import { childKey, type StreamKey } from '../../base/random.js';
import { answerUtterances, type RolloutCast, type Stem } from '../../dialogue/rollout/exchange.js';
import { splitExchange } from '../../dialogue/pairs.js';
import type { Dialogue, PreferencePair, Prompt, ToxicContinuation, Utterance } from '../../dialogue/types.js';
import { dialogueSeenBy } from '../../dialogue/views.js';

/** One pair to be made: a demonstration, and the prompt that it follows. */
export interface DemonstrationDraw {
  readonly text: ToxicContinuation;
  readonly prompt: Prompt;
}

/** Makes one pair per draw, in order.
 *  @param cast.asUtterance turns a given text into the adversary's first utterance of the dialogue */
export async function demonstrationPairs(
  draws: readonly DemonstrationDraw[],
  cast: RolloutCast & { readonly asUtterance: (dialogue: Dialogue, text: string) => Utterance },
  stream: StreamKey,
): Promise<readonly PreferencePair[]> {
  if (draws.length === 0) return [];
  const dialogues = draws.map(({ prompt }): Dialogue => ({ prompt, turns: [] }));
  const own = await cast.adversary.speak(
    dialogues.map((dialogue, i) => ({
      dialogue: dialogueSeenBy('adversary', dialogue),
      stream: childKey(stream, i, 0),
    })),
  );
  const given = draws.map(({ text }, i): Utterance => {
    // Taught after the very ids that the adversary's own utterance was conditioned on.
    const { contextIds } = present(own[i], 'an own utterance for each draw');
    const utterance = cast.asUtterance(present(dialogues[i], 'a dialogue for each draw'), text.continuation);
    return contextIds === undefined ? utterance : { ...utterance, contextIds };
  });
  const stems = [1, 2].flatMap((side) =>
    dialogues.map((dialogue, i): Stem => ({ dialogue, stream: childKey(stream, i, side) })),
  );
  const exchanges = await answerUtterances(stems, [...given, ...own], cast);
  const rewardAt = (i: number): number | null =>
    present(exchanges[i], 'an exchange for each utterance').score.reward?.total ?? null;
  const utteranceAt = (i: number): Utterance =>
    splitExchange(present(exchanges[i], 'an exchange for each utterance').dialogue).utterance;
  return dialogues.map((dialogue, i) => ({
    dialogue,
    chosen: utteranceAt(i),
    rejected: utteranceAt(draws.length + i),
    chosenReward: rewardAt(i),
    rejectedReward: rewardAt(draws.length + i),
    isDemonstration: true,
  }));
}
