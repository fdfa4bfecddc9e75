/** How probable the adversary's turns of dialogues are under the one who said them, and under another. Turns that were
 *  given, such as first lines from a file, are part of neither. */
import { present } from '../../base/invariant.js';
import { sumOf } from '../../base/sums.js';
import type { Dialogue } from '../../dialogue/types.js';
import { dialogueSeenBy } from '../../dialogue/views.js';
import type { LanguageModelAdversary } from './languageModel.js';

/** log p of the dialogue's drawn turns under the adversary that drew them, as it drew them, nats. */
export function ownLogProb({ turns }: Dialogue): number {
  return sumOf(turns.flatMap(({ author, tokens }) => (author === 'adversary' ? (tokens?.samplingLogProbs ?? []) : [])));
}

/** log p of each dialogue's drawn turns under `adversary`, as it would have drawn them, nats; −∞ where it would not have.
 */
export async function logProbsUnder(
  adversary: Pick<LanguageModelAdversary, 'drawLogProbs'>,
  dialogues: readonly Dialogue[],
): Promise<readonly number[]> {
  const said = dialogues.flatMap((dialogue, index) =>
    dialogue.turns.flatMap(({ author, tokens }, turn) =>
      author === 'adversary' && tokens?.samplingLogProbs !== undefined
        ? [
            {
              index,
              dialogue: dialogueSeenBy('adversary', { ...dialogue, turns: dialogue.turns.slice(0, turn) }),
              ids: tokens.ids,
            },
          ]
        : [],
    ),
  );
  const scored = await adversary.drawLogProbs(said);
  const sums = dialogues.map(() => 0);
  said.forEach(({ index }, i) => {
    sums[index] = (sums[index] ?? 0) + sumOf(present(scored[i], 'log-probabilities of each utterance'));
  });
  return sums;
}
