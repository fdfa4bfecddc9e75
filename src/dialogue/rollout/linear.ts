/** Unpaired rollout: each prompt gets one dialogue of N exchanges. Used to evaluate (3 turns in arXiv 2407.09447); all
 *  dialogues of a turn form one batch. */
import { invariant, present } from '../../base/invariant.js';
import { childKey, type StreamKey } from '../../base/random.js';
import type { Dialogue, ExchangeScore, Prompt, ScoredDialogue } from '../types.js';
import { answerUtterances, openStems, playExchanges, type RolloutCast, type Stem } from './exchange.js';
import { saysOneOf } from './stopWhen.js';

export interface LinearRolloutOptions extends RolloutCast {
  readonly prompts: readonly Prompt[];
  /** Each prompt's dialogue so far, which goes on; default: nothing was said yet. */
  readonly before?: readonly Dialogue[];
  /** Exchanges that are played per dialogue, ≥ 1. */
  readonly turns: number;
  readonly stream: StreamKey;
  /** How often each prompt stands in an earlier part of the same list, by id; default never. */
  readonly seen?: Readonly<Record<string, number>>;
}

/** A dialogue as far as it was played. */
interface Played {
  stem: Stem;
  readonly scores: ExchangeScore[];
}

/** Returns the stream of a dialogue's next exchange. */
function nextExchange(stream: StreamKey): StreamKey {
  return childKey(stream, 0);
}

/** Plays one scored dialogue per prompt, in order; one that was ended early has fewer exchanges. Scores are those of the
 *  exchanges that were played here. */
export async function rolloutLinear(options: LinearRolloutOptions): Promise<readonly ScoredDialogue[]> {
  invariant(Number.isInteger(options.turns) && options.turns >= 1, 'a linear rollout has at least one turn');
  const { stopWhen = [], before = [] } = options;
  const played = openStems(options.prompts, options.stream, options.seen).map(({ dialogue, stream }, i): Played => ({
    stem: { dialogue: before[i] ?? dialogue, stream: nextExchange(stream) },
    scores: [],
  }));
  let playing: readonly Played[] = played;
  for (let turn = 0; turn < options.turns; turn++) {
    const goesOn = turn + 1 < options.turns;
    const exchanges = await playExchanges(
      playing.map(({ stem }) => ({ ...stem, goesOn })),
      options,
    );
    playing.forEach((each, i) => {
      const { dialogue, score } = present(exchanges[i], 'an exchange for each dialogue');
      each.scores.push(score);
      each.stem = { dialogue, stream: nextExchange(each.stem.stream) };
    });
    playing = playing.filter(({ stem }) => !saysOneOf(stem.dialogue.turns.slice(-2), stopWhen));
  }
  return played.map(({ stem: { dialogue }, scores }) => ({ dialogue, scores }));
}

/** Plays the exchanges of linear dialogues again, each after the dialogue as it was, with the adversary's words as they
 *  were: only the target (or the judge) may differ. Draws are those of the rollout, so that the same target says the same.
 *  @param stream the stream of the rollout that gave the dialogues
 *  @returns scores by dialogue and turn */
export async function replayLinear(
  dialogues: readonly Dialogue[],
  cast: Omit<RolloutCast, 'adversary'>,
  stream: StreamKey,
): Promise<readonly (readonly ExchangeScore[])[]> {
  const scores: ExchangeScore[][] = dialogues.map(() => []);
  let streams = openStems(
    dialogues.map(({ prompt }) => prompt),
    stream,
  ).map((stem) => stem.stream);
  const turns = Math.max(0, ...dialogues.map((dialogue) => dialogue.turns.length / 2));
  for (let turn = 0; turn < turns; turn++) {
    streams = streams.map(nextExchange);
    const playing = dialogues.flatMap((dialogue, i) => {
      const utterance = dialogue.turns[2 * turn];
      const before = { ...dialogue, turns: dialogue.turns.slice(0, 2 * turn) };
      const isLast = 2 * turn + 2 >= dialogue.turns.length;
      return utterance === undefined
        ? []
        : [
            {
              i,
              utterance,
              stem: { dialogue: before, stream: present(streams[i], 'a stream for each dialogue'), isLast },
            },
          ];
    });
    const exchanges = await answerUtterances(
      playing.map(({ stem }) => stem),
      playing.map(({ utterance }) => utterance),
      cast,
    );
    exchanges.forEach(({ score }, n) =>
      scores[present(playing[n], 'an exchange for each dialogue that goes on').i]?.push(score),
    );
  }
  return scores;
}
