/** The batches of utterances that dialogues ask of speakers, with the tokens that each reads and says, counted before
 *  anything runs. Pure arithmetic; tokens are as good as the lengths that are given. */
import { meanOrZero } from '../base/sums.js';

/** Lengths in tokens of what one side reads and says. */
export interface SpeakerLengths {
  /** The lengths of the prompts as this side reads them, uncut. */
  readonly prompts: {
    readonly train: readonly number[];
    readonly dev: readonly number[];
    readonly test: readonly number[];
  };
  /** An utterance, on average. */
  readonly utterance: number;
  /** Longer contexts lose their oldest tokens. */
  readonly maxContext: number;
}

/** Lengths of the demonstrations that a stage learns from. */
export interface DemonstrationLengths {
  readonly texts: number;
  /** The mean length of what precedes them: their own prefix, or the ordinary prompt that stands in. */
  readonly prefix: number;
  /** The mean length of what is learnt, cut as the stage cuts it. */
  readonly completion: number;
}

/** The texts of a list, as the target reads them. */
export interface ListLengths {
  readonly texts: number;
  /** All of them together. */
  readonly tokens: number;
}

/** Lengths on both sides of the dialogues. */
export interface DialogueLengths {
  readonly adversary: SpeakerLengths;
  readonly target: SpeakerLengths;
}

/** One batch of utterances, or with no rows of texts that are only read, and how often one like it is made. */
export interface SpeakerCall {
  readonly times: number;
  readonly rows: number;
  /** The number of groups of rows that share their dialogue, but for the last utterance. */
  readonly contexts: number;
  /** Tokens given to the speaker, all rows. */
  readonly contextTokens: number;
  /** The tokens of these that are computed: beginnings that rows share once, and nothing that the speaker's turn before
   *  has read. */
  readonly readTokens: number;
  readonly newTokens: number;
}

export interface TurnCalls {
  readonly adversary: readonly SpeakerCall[];
  readonly target: readonly SpeakerCall[];
}

/** Unpaired dialogues: a call a turn and side. */
export function linearCalls(
  { adversary, target }: DialogueLengths,
  set: 'train' | 'dev' | 'test',
  atMost: number | null,
  turns: number,
  times: number,
): TurnCalls {
  const rows = Math.min(adversary.prompts[set].length, atMost ?? Infinity);
  const [a, t] = [adversary.utterance, target.utterance];
  const calls = (
    side: SpeakerLengths,
    of: { readonly before: number; readonly heard: number; readonly newTokens: number },
  ): readonly SpeakerCall[] =>
    Array.from({ length: turns }, (_, turn) =>
      callOf(side, {
        ...of,
        times,
        rows,
        contexts: rows,
        set,
        isFirst: turn === 0,
        growth: of.before + turn * (a + t),
      }),
    );
  return {
    adversary: calls(adversary, { before: 0, heard: t, newTokens: a }),
    target: calls(target, { before: a, heard: a, newTokens: t }),
  };
}

/** Dialogues of a search, which plays several of each test prompt, one prompt after the other: a call a turn, side and
 *  prompt.
 *  @param turns the dialogues that each turn plays of a prompt, and how many of them differ before its utterance */
export function searchCalls(
  { adversary, target }: DialogueLengths,
  atMost: number | null,
  turns: readonly { readonly rows: number; readonly contexts: number }[],
): TurnCalls {
  const prompts = Math.min(adversary.prompts.test.length, atMost ?? Infinity);
  const [a, t] = [adversary.utterance, target.utterance];
  const shape = { times: prompts, prompts, set: 'test' } as const;
  const grown = turns.map((turn, i) => ({ ...shape, ...turn, isFirst: i === 0, growth: i * (a + t) }));
  return {
    adversary: grown.map((turn) => callOf(adversary, { ...turn, heard: t, newTokens: a })),
    target: grown.map((turn) => callOf(target, { ...turn, growth: turn.growth + a, heard: a, newTokens: t })),
  };
}

interface TurnShape {
  readonly times: number;
  readonly rows: number;
  /** The number of groups of rows that share their dialogue, but for the last utterance. */
  readonly contexts: number;
  readonly set: 'train' | 'dev' | 'test';
  /** Prompts of the set that begin the rows, the first ones; default: one for each row, of `train` all. */
  readonly prompts?: number;
  /** Whether the speaker has read nothing of these dialogues yet. */
  readonly isFirst: boolean;
  /** Tokens after the prompt, a row. */
  readonly growth: number;
  /** Tokens since the speaker's turn before, a group. */
  readonly heard: number;
  readonly newTokens: number;
}

/** A later turn reads only what was heard, and the last token of the turn before, which is still unread; but a
 *  dialogue that lost its beginning is read anew. */
export function callOf(
  side: SpeakerLengths,
  { times, rows, contexts, set, prompts: begun, isFirst, growth, heard, newTokens }: TurnShape,
): SpeakerCall {
  const prompts = side.prompts[set].slice(0, begun ?? (set === 'train' ? undefined : rows));
  const context = contextLength(side, set, growth, prompts.length);
  const perRow = contexts === 0 ? 1 : rows / contexts;
  const own = growth === 0 || !isFirst ? 0 : heard; // A target hears an utterance before its first turn.
  const read = meanOrZero(
    prompts.map((length) => {
      if (length + growth > side.maxContext) return growth === 0 ? side.maxContext : perRow * side.maxContext;
      return isFirst ? length + own : 1 + heard;
    }),
  );
  return {
    times,
    rows,
    contexts,
    contextTokens: rows * context,
    readTokens: contexts * read,
    newTokens: rows * newTokens,
  };
}

/** Mean over the first `count` prompts, each cut to what the side may read. */
export function contextLength(
  { prompts, maxContext }: SpeakerLengths,
  set: 'train' | 'dev' | 'test',
  growth: number,
  count?: number,
): number {
  return meanOrZero(prompts[set].slice(0, count).map((length) => Math.min(length + growth, maxContext)));
}
