/** The step that every rollout is made of: the adversary speaks, the target replies, the exchange is scored. All
 *  dialogues of a depth go through it together: one adversary call, one target call, one judge call.
 *
 *  Random streams depend on the prompt's id and the path in its tree, never on the place in a batch: the same prompt
 *  gives the same texts whatever is rolled out beside it. */
import { childKey, type StreamKey } from '../../base/random.js';
import { invariant, present } from '../../base/invariant.js';
import { textIndex } from '../identity.js';
import { aimOf, scoreExchanges, type ScoringOptions } from '../score.js';
import type {
  Adversary,
  Author,
  Dialogue,
  ExchangeScore,
  Prompt,
  Reading,
  SpeakRequest,
  Target,
  TargetReply,
  Utterance,
} from '../types.js';
import { bestTextNlls } from '../targetText.js';
import { dialogueSeenBy } from '../views.js';
import { saysOneOf } from './stopWhen.js';

/** The speakers, the judge and the reward of a rollout. */
export interface RolloutCast extends ScoringOptions {
  readonly adversary: Adversary;
  readonly target: Target;
  /** Phrasings of what the target is to be brought to say, for the terms of a reward that ask how likely they are; default
   *  the prompt's target string. */
  readonly targetTexts?: readonly string[];
  /** A dialogue ends after the exchange in which one of these is said, as whole words; default none. Where branches are
   *  grown it tells a judge of whole dialogues that this one has ended, no more. */
  readonly stopWhen?: readonly string[];
}

/** A dialogue about to get one more exchange, and the stream of that exchange. */
export interface Stem {
  readonly dialogue: Dialogue;
  readonly stream: StreamKey;
  /** Whether more exchanges follow; default false. */
  readonly goesOn?: boolean;
  /** Whether the dialogue ends with the exchange whatever is said, for judges of whole dialogues; default: it does not go
   *  on. */
  readonly isLast?: boolean;
}

export interface Exchange {
  /** The dialogue, which ends with the reply; the utterance before it carries the target's reading. */
  readonly dialogue: Dialogue;
  readonly score: ExchangeScore;
}

/** Indices under an exchange's stream. */
const draws = { adversary: 0, target: 1, branch: 2 } as const;

/** Plays one exchange per stem, in order. */
export async function playExchanges(stems: readonly Stem[], cast: RolloutCast): Promise<readonly Exchange[]> {
  if (stems.length === 0) return [];
  const utterances = await cast.adversary.speak(
    stems.map(({ dialogue, stream, goesOn = false }) => ({
      dialogue: dialogueSeenBy('adversary', dialogue),
      stream: childKey(stream, draws.adversary),
      goesOn,
    })),
  );
  expectTurns(cast.adversary.name, 'adversary', utterances, stems.length);
  return answerUtterances(stems, utterances, cast);
}

/** Plays the second half of the step for utterances that are given (demonstrations, replay): replies and scores. */
export async function answerUtterances(
  stems: readonly Stem[],
  utterances: readonly Utterance[],
  cast: Omit<RolloutCast, 'adversary'>,
): Promise<readonly Exchange[]> {
  const spoken = stems.map(({ dialogue }, i) =>
    withTurn(dialogue, present(utterances[i], 'an utterance for each stem')),
  );
  const answers = await askTarget(
    stems.map(({ stream, goesOn = false }, i) => ({
      dialogue: dialogueSeenBy('target', present(spoken[i], 'a dialogue for each stem')),
      stream: childKey(stream, draws.target),
      goesOn,
    })),
    cast.target,
  );
  const textNlls = await bestTextNlls(spoken, cast);
  const scores = await scoreExchanges(
    answers.map((answer, i) => {
      const stem = present(stems[i], 'a stem for each answer');
      const { prompt, turns } = stem.dialogue;
      const utterance = present(utterances[i], 'an utterance for each stem');
      const likelihood = textNlls === null ? {} : { targetTextNll: textNlls[i] ?? null };
      const { goesOn = false, isLast = !goesOn || saysOneOf([utterance, answer.reply], cast.stopWhen ?? []) } = stem;
      return { before: turns, utterance, answer, isLast, ...likelihood, ...aimOf(prompt) };
    }),
    cast,
  );
  return answers.map(({ reply, reading }, i) => {
    const before = present(stems[i], 'a stem for each answer').dialogue;
    const utterance = present(utterances[i], 'an utterance for each stem');
    return {
      dialogue: withTurn(withTurn(before, withReading(utterance, reading)), reply),
      score: present(scores[i], 'a score for each exchange'),
    };
  });
}

/** One reply per request, in order. An utterance that was not given is not answered: the target is not asked. */
async function askTarget(requests: readonly SpeakRequest[], target: Target): Promise<readonly TargetReply[]> {
  const unsaid = requests.map(({ dialogue }) => dialogue.turns.at(-1)?.noReply);
  const asked = requests.filter((_, i) => unsaid[i] === undefined);
  const answers = asked.length === 0 ? [] : await target.reply(asked);
  expectTurns(
    target.name,
    'target',
    answers.map(({ reply }) => reply),
    asked.length,
  );
  let next = 0;
  return unsaid.map((reason): TargetReply =>
    reason === undefined
      ? present(answers[next++], 'an answer for each request')
      : {
          reply: { author: 'target', text: '', tokens: null, finishReason: 'stop', noReply: `not asked (${reason})` },
          reading: null,
        },
  );
}

/** Returns the stream that decides which branch is continued after the node of this stream. */
export function branchKey(stream: StreamKey): StreamKey {
  return childKey(stream, draws.branch);
}

/** Opens one empty dialogue per prompt, each with a stream of its own; a prompt drawn k times gets k different streams.
 *  @param seen how often each prompt, by its id, stands in an earlier part of the same list; default never */
export function openStems(
  prompts: readonly Prompt[],
  stream: StreamKey,
  seen: Readonly<Record<string, number>> = {},
): readonly Stem[] {
  const occurrences = new Map<string, number>(Object.entries(seen));
  return prompts.map((prompt) => {
    const occurrence = occurrences.get(prompt.id) ?? 0;
    occurrences.set(prompt.id, occurrence + 1);
    return { dialogue: { prompt, turns: [] }, stream: childKey(stream, textIndex(prompt.id), occurrence) };
  });
}

function withTurn(dialogue: Dialogue, turn: Utterance): Dialogue {
  return { prompt: dialogue.prompt, turns: [...dialogue.turns, turn] };
}

/** The utterance as this target read it; what another target read of it is dropped. */
function withReading({ reading: _, ...said }: Utterance, reading: Reading | null): Utterance {
  return reading === null ? said : { ...said, reading };
}

function expectTurns(name: string, author: Author, turns: readonly Utterance[], count: number): void {
  invariant(turns.length === count, `${name} gives one turn a request (${count}, got ${turns.length})`);
  invariant(
    turns.every((turn) => turn.author === author),
    `${name} signs its turns as ${author}`,
  );
}
