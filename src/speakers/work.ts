/** Counts the work of speakers before anything runs: batches of utterances, tokens read and generated. Pure
 *  arithmetic; tokens are as good as the lengths that are given. */
import { meanOrZero } from '../base/sums.js';
import { asksForTargetText, type RewardWeights } from '../dialogue/reward.js';
import { defaultTargetTexts, targetPlace } from '../dialogue/targetText.js';
import type { SpeakerOptions } from './options.js';

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

export interface SpeakerWork {
  readonly queries: number;
  readonly contextTokens: number;
  readonly readTokens: number;
  readonly generatedTokens: number;
  readonly calls: readonly SpeakerCall[];
}

/** Judged texts of an exchange: the reply, both together, the utterance. */
export const verdictsPerExchange = 3;

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

export function speakerWork(calls: readonly SpeakerCall[]): SpeakerWork {
  const made = calls.filter(({ times, rows, readTokens }) => times > 0 && (rows > 0 || readTokens > 0));
  const sum = (of: (call: SpeakerCall) => number): number =>
    made.reduce((before, call) => before + call.times * of(call), 0);
  return {
    queries: sum(({ rows }) => rows),
    contextTokens: sum(({ contextTokens }) => contextTokens),
    readTokens: sum(({ readTokens }) => readTokens),
    generatedTokens: sum(({ newTokens }) => newTokens),
    calls: made,
  };
}

/** The last token of a completion is predicted, but never read. */
export function readOf(completion: number): number {
  return Math.max(0, completion - 1);
}

/** Texts that a model only reads. */
export interface TextWork {
  readonly queries: number;
  readonly readTokens: number;
}

const noTexts: TextWork = { queries: 0, readTokens: 0 };

function repeatTexts({ queries, readTokens }: TextWork, n: number): TextWork {
  return { queries: queries * n, readTokens: readTokens * n };
}

/** Characters of a token, and of a target string, where neither is known. */
const [charactersPerToken, targetCharacters] = [4, 12];

/** Counts what a reward of the target's words adds: every phrasing after every exchange. What is read before them is read
 *  anew, once for exchanges that share it, but for the last utterance.
 *  @param utterance tokens of an utterance of the adversary */
export function targetTextWork(
  calls: readonly SpeakerCall[],
  {
    reward,
    targetTexts = defaultTargetTexts,
  }: { readonly reward: RewardWeights; readonly targetTexts?: readonly string[] | undefined },
  utterance: number,
): TextWork {
  if (!asksForTargetText(reward)) return noTexts;
  const tokens = phrasingTokens(targetTexts);
  const sum = (of: (call: SpeakerCall) => number): number =>
    calls.reduce((before, call) => before + call.times * of(call), 0);
  return {
    queries: sum(({ rows }) => rows * targetTexts.length),
    readTokens: sum(({ rows, contexts, contextTokens }) =>
      rows === 0 ? 0 : (contexts / rows) * contextTokens + Math.max(0, rows - contexts) * utterance + rows * tokens,
    ),
  };
}

/** Returns how many tokens phrasings have together, with the target string in them, as far as is known beforehand. */
export function phrasingTokens(targetTexts: readonly string[]): number {
  return targetTexts.reduce(
    (sum, text) => sum + Math.ceil((text.replaceAll(targetPlace, '').length + targetCharacters) / charactersPerToken),
    0,
  );
}

/** The work of a stage, or of an attack, for the models. */
export interface Work {
  readonly adversary: SpeakerWork;
  /** Adversaries beside the recipe's own, which `adversary` does not count. */
  readonly otherAdversaries: readonly {
    readonly speaker: SpeakerOptions;
    readonly work: SpeakerWork;
    /** Most utterances that it can be asked for; absent where the count is exact. */
    readonly atMost?: number;
  }[];
  readonly target: SpeakerWork;
  /** Another model that answers in the target's place; its time is not known. */
  readonly writer: { readonly speaker: SpeakerOptions; readonly work: SpeakerWork } | null;
  /** Completions whose reference log-probabilities the rollout did not give. */
  readonly reference: TextWork;
  /** Texts that the target only scores, for a reward of its words. */
  readonly targetTexts: TextWork;
  /** Gradients through the target's model, each of one text. */
  readonly targetGradients: TextWork;
  /** Texts that an encoder embeds, at most: equal ones are embedded once. */
  readonly encoderTexts: number;
  /** Texts judged; filters of prompts and demonstrations are not counted. */
  readonly judgeQueries: number;
  readonly pairs: number;
  /** Tokens of pairs or texts that optimizer steps compute. */
  readonly trainedTokens: number;
  readonly optimizerSteps: number;
  /** Most utterances that either side can be asked for, where draws decide; absent where the counts are exact. */
  readonly atMost?: {
    readonly adversary: number;
    readonly target: number;
    /** Most tokens of the target's, where its replies have another limit than the recipe gives. */
    readonly targetTokens?: number;
  };
}

export const noWork: Work = {
  adversary: speakerWork([]),
  otherAdversaries: [],
  target: speakerWork([]),
  writer: null,
  reference: noTexts,
  targetTexts: noTexts,
  targetGradients: noTexts,
  encoderTexts: 0,
  judgeQueries: 0,
  pairs: 0,
  trainedTokens: 0,
  optimizerSteps: 0,
};

/** The same work n times. */
export function repeatWork(work: Work, n: number): Work {
  const speaker = ({ calls }: SpeakerWork): SpeakerWork =>
    speakerWork(calls.map((call) => ({ ...call, times: call.times * n })));
  return {
    adversary: speaker(work.adversary),
    otherAdversaries: work.otherAdversaries.map(({ atMost, ...each }) => ({
      ...each,
      work: speaker(each.work),
      ...(atMost === undefined ? {} : { atMost: atMost * n }),
    })),
    target: speaker(work.target),
    writer: work.writer === null ? null : { ...work.writer, work: speaker(work.writer.work) },
    reference: repeatTexts(work.reference, n),
    targetTexts: repeatTexts(work.targetTexts, n),
    targetGradients: repeatTexts(work.targetGradients, n),
    encoderTexts: work.encoderTexts * n,
    judgeQueries: work.judgeQueries * n,
    pairs: work.pairs * n,
    trainedTokens: work.trainedTokens * n,
    optimizerSteps: work.optimizerSteps * n,
    ...(work.atMost === undefined
      ? {}
      : {
          atMost: {
            adversary: work.atMost.adversary * n,
            target: work.atMost.target * n,
            ...(work.atMost.targetTokens === undefined ? {} : { targetTokens: work.atMost.targetTokens * n }),
          },
        }),
  };
}

/** The work of all adversaries together. */
export function adversaryTotal({
  adversary,
  otherAdversaries,
}: Pick<Work, 'adversary' | 'otherAdversaries'>): SpeakerWork {
  return speakerWork([adversary, ...otherAdversaries.map(({ work }) => work)].flatMap(({ calls }) => calls));
}
