/** Counts the work of a stage before anything runs: of speakers by their calls, of the target as a scorer, of judges and
 *  training. Pure arithmetic. */
import { asksForTargetText, type RewardWeights } from '../dialogue/reward.js';
import { defaultTargetTexts, targetPlace } from '../dialogue/targetText.js';
import type { SpeakerCall } from './calls.js';
import type { SpeakerOptions } from './options.js';

export interface SpeakerWork {
  readonly queries: number;
  readonly contextTokens: number;
  readonly readTokens: number;
  readonly generatedTokens: number;
  readonly calls: readonly SpeakerCall[];
}

/** Judged texts of an exchange: the reply, both together, the utterance. */
export const verdictsPerExchange = 3;

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
