/** What a mend stage will ask of the target, at most: as if as many dialogues failed as it takes, and every one gave an
 *  example. */
import type { MendOptions } from '../mending/options.js';

export interface MendLengths {
  /** Tokens of a dialogue to be answered, on average or, where they are not known beforehand, at most. */
  readonly context: number;
  readonly reply: number;
}

export interface MendWork {
  /** Batches of replies: rows that share a context are `perContext`. */
  readonly replies: readonly { readonly times: number; readonly contexts: number; readonly perContext: number }[];
  /** Replies of other dialogues that it reads after each of so many contexts. */
  readonly borrowed: { readonly contexts: number; readonly perContext: number };
  /** Replies that the writer is asked for. */
  readonly written: { readonly contexts: number; readonly perContext: number };
  readonly judgeQueries: number;
  readonly pairs: number;
  readonly trainedTokens: number;
  readonly optimizerSteps: number;
}

export function mendWork(
  { failures, ordinary, holdOut, twin, candidates, train, measures }: MendOptions,
  { context, reply }: MendLengths,
): MendWork {
  const kept = (count: number): number => Math.round(count * (1 - holdOut));
  const [failed, harmless] = [kept(failures.max), kept(ordinary.max)];
  const kinds = twin === null ? 1 : 2;
  const asked = failures.max * candidates.samples;
  const measured = train.length + kinds;
  const heldOut =
    Math.min(measures.prompts, failures.max - failed) + Math.min(measures.prompts, ordinary.max - harmless);
  const replies = [
    { times: kinds * candidates.temperatures.length, contexts: failures.max, perContext: candidates.samples },
    { times: measured, contexts: heldOut, perContext: 1 },
  ];
  const trainings = train.map((training) => {
    const completions = training.loss === 'sft' ? 1 : training.loss === 'adpo' && training.gamma > 0 ? 3 : 2;
    const size = training.loss === 'sft' ? training.batchSize : training.batchPairs;
    return {
      pairs: training.loss === 'sft' ? 0 : training.epochs * failed,
      tokens: training.epochs * failed * (context + completions * reply),
      steps: training.epochs * Math.ceil(failed / size),
    };
  });
  const lessons = twin === null ? 0 : failed + harmless;
  const sum = (of: (training: (typeof trainings)[number]) => number): number =>
    trainings.reduce((before, training) => before + of(training), 0);
  const { borrow, writer, samples } = candidates;
  const borrowed = {
    contexts: borrow === null ? 0 : failures.max,
    perContext: borrow?.data == null ? Math.min(borrow?.max ?? 0, harmless) : borrow.max,
  };
  const written = { contexts: writer === null ? 0 : failures.max, perContext: samples };
  const alternatives =
    failures.max * ((borrow?.keep ?? 0) + (writer === null ? 0 : samples) + (candidates.answers == null ? 0 : 1));
  return {
    replies,
    borrowed,
    written,
    judgeQueries: asked * kinds * candidates.temperatures.length + measured * heldOut + failures.max + alternatives,
    pairs: sum(({ pairs }) => pairs),
    trainedTokens: sum(({ tokens }) => tokens) + (twin === null ? 0 : twin.epochs * lessons * (context + reply)),
    optimizerSteps: sum(({ steps }) => steps) + (twin === null ? 0 : twin.epochs * Math.ceil(lessons / twin.batchSize)),
  };
}
