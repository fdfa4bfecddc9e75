/** Weak supervision: the winner of a pair is given (the continuation of a known toxic text), the loser is what the
 *  adversary says at the same place. Both are answered and judged, so that it can be reported how often the given winner
 *  has the lower reward. One pair a row, no recursion (as in the reference implementation of arXiv 2407.09447). */
import { invariant, present } from '../../base/invariant.js';
import { childKey, type StreamKey } from '../../base/random.js';
import type { PreferencePair, TokenTrace, ToxicContinuation } from '../types.js';
import { answerUtterances, openStems, playExchanges, type Exchange, type RolloutCast, type Stem } from './exchange.js';

export interface TeachingRolloutOptions extends RolloutCast {
  readonly rows: readonly ToxicContinuation[];
  /** The adversary's reading of a given continuation; default text only (`tokens: null`). */
  readonly encode?: (text: string) => TokenTrace | null;
  readonly stream: StreamKey;
}

export interface TeachingRollout {
  /** One a row, in order. */
  readonly pairs: readonly PreferencePair[];
  /** Both exchanges of each pair: the given winner first. */
  readonly exchanges: readonly { readonly given: Exchange; readonly spoken: Exchange }[];
}

export async function rolloutTeaching(options: TeachingRolloutOptions): Promise<TeachingRollout> {
  const stems = openStems(options.rows.map(({ prefix }) => prefix), options.stream);
  const under = (index: number): Stem[] => stems.map(({ dialogue, stream }) => ({ dialogue, stream: childKey(stream, index) }));
  const spoken = await playExchanges(under(0), options);
  const given = await answerUtterances(
    under(1),
    options.rows.map(({ continuation }) => ({
      author: 'adversary',
      text: continuation,
      tokens: options.encode?.(continuation) ?? null,
      finishReason: 'stop',
    })),
    options,
  );
  const exchanges = spoken.map((exchange, i) => ({ given: present(given[i], 'a given exchange for each spoken one'), spoken: exchange }));
  return { exchanges, pairs: exchanges.map(teachingPair) };
}

function teachingPair({ given, spoken }: TeachingRollout['exchanges'][number]): PreferencePair {
  const [chosen, rejected] = [given.dialogue.turns[0], spoken.dialogue.turns[0]];
  invariant(chosen !== undefined && rejected !== undefined, 'an exchange starts with an utterance');
  return {
    dialogue: { prompt: given.dialogue.prompt, turns: [] },
    chosen,
    rejected,
    chosenReward: given.score.reward?.total ?? null,
    rejectedReward: spoken.score.reward?.total ?? null,
    teaching: true,
  };
}
