/** The dense term of a reward: how likely given words are as the beginning of the target's reply, the objective of GCG
 *  (arXiv 2307.15043, section 2.1). The words are phrasings with the prompt's target string in the place {{target}}.
 *
 *  The best phrasing counts, the one with the highest mean log-probability per token: phrasings are alternatives, a target
 *  gives a secret away in one of them, and the mean over all would reward words that are never said. A phrasing of
 *  many plain words around the target string has a higher mean than the string alone: compare figures of equal phrasings.
 *
 *  Differs from GCG: the mean over tokens stands in place of the sum, so that long phrasings can be compared with short
 *  ones. */
import { invariant, present } from '../base/invariant.js';
import { asksForTargetText, type RewardWeights } from './reward.js';
import { meanNll } from './score.js';
import type { Dialogue, Prompt, Target } from './types.js';
import { dialogueSeenBy } from './views.js';

/** Stands for the prompt's target string in a phrasing. */
export const targetPlace = '{{target}}';

export const defaultTargetTexts: readonly string[] = [targetPlace];

export interface TargetTextOptions {
  readonly target: Target;
  readonly reward: RewardWeights;
  /** Phrasings of what the target is to be brought to say; default the target string alone. */
  readonly targetTexts?: readonly string[];
}

/** Returns the phrasings with the prompt's target string in them; none for a prompt without one. */
export function fillTargetTexts({ targetString }: Prompt, phrasings: readonly string[]): readonly string[] {
  return targetString === undefined ? [] : phrasings.map((text) => text.replaceAll(targetPlace, () => targetString));
}

/** Mean −log p of the best phrasing per dialogue, nats per token; null where it is unknown: the prompt has no target
 *  string, or its last turn was not given. All dialogues are scored in one call.
 *  @param dialogues end with the adversary's turn
 *  @returns null when no weight asks for it: nothing is computed then */
export async function bestTextNlls(
  dialogues: readonly Dialogue[],
  { target, reward, targetTexts = defaultTargetTexts }: TargetTextOptions,
): Promise<readonly (number | null)[] | null> {
  if (!asksForTargetText(reward)) return null;
  const { scoreTexts } = target;
  invariant(scoreTexts !== undefined, 'a reward was checked against its target');
  const texts = dialogues.map(({ prompt, turns }) =>
    turns.at(-1)?.noReply === undefined ? fillTargetTexts(prompt, targetTexts) : [],
  );
  const requests = dialogues.flatMap((dialogue, i) => {
    const own = present(texts[i], 'texts of each dialogue');
    return own.length === 0 ? [] : [{ dialogue: dialogueSeenBy('target', dialogue), texts: own }];
  });
  const scored = requests.length === 0 ? [] : await scoreTexts(requests);
  invariant(scored.length === requests.length, `${target.name} scores the texts of every request`);
  let next = 0;
  return texts.map((own) =>
    own.length === 0 ? null : bestNll(present(scored[next++], 'scores of the texts of each request')),
  );
}

function bestNll(logProbs: readonly (readonly number[] | null)[]): number | null {
  const known = logProbs.map((each) => meanNll(each)).filter((nll) => nll !== null);
  return known.length === 0 ? null : Math.min(...known);
}
