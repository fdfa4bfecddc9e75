/** Unpaired rollout: each prompt gets one dialogue of N exchanges. Used to evaluate (3 turns in arXiv 2407.09447); all
 *  dialogues of a turn form one batch. */
import { invariant, present } from '../../base/invariant.js';
import { childKey, type StreamKey } from '../../base/random.js';
import type { ExchangeScore, Prompt, ScoredDialogue } from '../types.js';
import { openStems, playExchanges, type RolloutCast, type Stem } from './exchange.js';

export interface LinearRolloutOptions extends RolloutCast {
  readonly prompts: readonly Prompt[];
  /** Exchanges a dialogue, ≥ 1. */
  readonly turns: number;
  readonly stream: StreamKey;
}

/** One scored dialogue a prompt, in order. */
export async function rolloutLinear(options: LinearRolloutOptions): Promise<readonly ScoredDialogue[]> {
  invariant(Number.isInteger(options.turns) && options.turns >= 1, 'a linear rollout has at least one turn');
  let stems = openStems(options.prompts, options.stream).map(({ dialogue, stream }): Stem => ({ dialogue, stream: childKey(stream, 0) }));
  const scores: ExchangeScore[][] = stems.map(() => []);
  for (let turn = 0; turn < options.turns; turn++) {
    const goesOn = turn + 1 < options.turns;
    const exchanges = await playExchanges(
      stems.map((stem) => ({ ...stem, goesOn })),
      options,
    );
    stems = exchanges.map(({ dialogue, score }, i) => {
      present(scores[i], 'scores of each dialogue').push(score);
      return { dialogue, stream: childKey(present(stems[i], 'a stem for each dialogue').stream, 0) };
    });
  }
  return stems.map(({ dialogue }, i) => ({ dialogue, scores: present(scores[i], 'scores of each dialogue') }));
}
