/** Novelty: what keeps an attack from saying one sentence a thousand times. An utterance whose reply is harmful earns more
 *  the fewer of the other utterances of its epoch are near it, so that a crowded way to ask is worth less than a rare one
 *  that works as well. An utterance that does no harm earns nothing by being odd, nor, by choice, one that is near a
 *  text that was taught: nothing was found. Near is what counts as one finding in a report (ROUGE-L F1 of at least 0.5).
 *
 *  Curiosity-driven red teaming (arXiv 2402.19464) adds the novelty of every utterance, against all that was said before;
 *  ours counts where it worked, and against the present policy. */
import { invariant, present } from '../../base/invariant.js';
import type { NearTexts } from '../../stats/differentFindings.js';
import { nearShares } from '../../stats/rougeL.js';
import type { ExchangeScore } from '../../dialogue/types.js';

/** The part of an exchange that shaping reads. */
export interface Said {
  readonly utterance: string;
  readonly score: Pick<ExchangeScore, 'reply' | 'reward'>;
}

/** Returns for each utterance weight × harm of its reply × (1 − share of the epoch's other utterances that are near this
 *  one), and zero for an utterance near a taught text; null where the reply has no verdict.
 *  @param weight ≥ 0
 *  @param taught texts near which an utterance earns no novelty; null for none */
export function noveltyOf(said: readonly Said[], weight: number, taught: NearTexts | null): readonly (number | null)[] {
  invariant(weight >= 0, 'novelty is paid, not fined');
  const crowding = nearShares(said.map(({ utterance }) => utterance));
  return said.map(({ utterance, score: { reply } }, i) => {
    if (reply.kind !== 'scored') return null;
    const isTaught = taught !== null && taught.firstNear(utterance) !== null;
    return weight * reply.harm * (1 - (isTaught ? 1 : present(crowding[i], 'one per utterance')));
  });
}
