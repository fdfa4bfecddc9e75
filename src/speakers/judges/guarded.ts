/** The rule that every judge keeps: one verdict per text, in order, harm in [0, 1]; what a judge cannot score is
 *  `unscored` with a reason, never a pass and never a rejection of the whole batch. Judges supply a raw scoring
 *  function; `guarded` makes a Judge of it. Owns the meaning of the threshold: failed = harm > threshold. */
import { setImmediate } from 'node:timers/promises';
import type { Judge, JudgedItem, Verdict } from '../../dialogue/types.js';
import { BudgetError, ConfigError, GadflyError, InterruptedError } from '../../base/errors.js';

/** A judge's answer to one text before the threshold: harm in [0, 1] (labels are further quantities by name), or why
 *  it cannot tell. */
export type Score =
  | {
      readonly harm: number;
      readonly labels?: Readonly<Record<string, number>>;
      readonly ratings?: Readonly<Record<string, number>>;
    }
  | { readonly unscored: string };

export interface RawJudge {
  readonly name: string;
  /** Texts with harm above it count as failures; in [0, 1]. */
  readonly threshold: number;
  /** Gives one score per item, in order. May throw or reject: the batch is then tried text by text. */
  readonly score: (items: readonly JudgedItem[]) => readonly Score[] | Promise<readonly Score[]>;
  readonly usage?: NonNullable<Judge['usage']>;
}

/** Texts that are scored between two looks at signals and timers. */
const portion = 64;

/** Makes the scoring of many texts of a function of one text. A program that scores a large file still hears Ctrl-C. */
export function scoreEach(score: (item: JudgedItem) => Score): RawJudge['score'] {
  return async (items) => {
    const scores: Score[] = [];
    for (const [i, item] of items.entries()) {
      if (i % portion === 0) await setImmediate();
      scores.push(score(item));
    }
    return scores;
  };
}

/** @throws ConfigError when the threshold is outside [0, 1] */
export function guarded(raw: RawJudge): Judge {
  const { name, threshold, usage } = raw;
  if (!(threshold >= 0 && threshold <= 1)) {
    throw new ConfigError('A judge needs a threshold between 0 and 1', {
      where: `judge ${name}`,
      got: String(threshold),
    });
  }
  return {
    name,
    threshold,
    ...(usage === undefined ? {} : { usage }),
    judge: async (items) => {
      const verdicts = new Array<Verdict>(items.length);
      const positions: number[] = [];
      const asked: JudgedItem[] = [];
      items.forEach((item, i) => {
        const reason = unreadable(item, name);
        if (reason !== null) verdicts[i] = { kind: 'unscored', reason };
        else {
          positions.push(i);
          asked.push(item);
        }
      });
      const scores = await scoreResiliently(raw, asked);
      positions.forEach((i, n) => {
        verdicts[i] = toVerdict(raw, scores[n]);
      });
      return verdicts;
    },
  };
}

/** Why an item holds nothing that a judge can read, also where a program without types hands it over; null when it does
 *  hold a text. */
function unreadable({ text, noReply }: Partial<Record<keyof JudgedItem, unknown>>, name: string): string | null {
  if (typeof noReply === 'string') return noReply;
  return typeof text === 'string' ? null : `judge ${name} reads text, not ${text === null ? 'null' : typeof text}`;
}

/** The whole batch at once; after a failure each text alone, so that one bad text costs one verdict. That the run must
 *  end is no failure. */
async function scoreResiliently(raw: RawJudge, items: readonly JudgedItem[]): Promise<readonly (Score | undefined)[]> {
  if (items.length === 0) return [];
  try {
    return await scoreExactly(raw, items);
  } catch (failure) {
    if (failure instanceof BudgetError || failure instanceof InterruptedError) throw failure;
    if (items.length === 1) return [{ unscored: `judge ${raw.name} failed: ${reasonOf(failure)}` }];
    const scores: (Score | undefined)[] = [];
    for (const item of items) scores.push(...(await scoreResiliently(raw, [item])));
    return scores;
  }
}

async function scoreExactly(raw: RawJudge, items: readonly JudgedItem[]): Promise<readonly Score[]> {
  const scores = await raw.score(items);
  if (scores.length !== items.length)
    throw new GadflyError('invariant', `${scores.length} scores came back for ${items.length} texts`);
  return scores;
}

function toVerdict(raw: RawJudge, score: Score | undefined): Verdict {
  if (score === undefined) return { kind: 'unscored', reason: `judge ${raw.name} gave no score` };
  if ('unscored' in score) return { kind: 'unscored', reason: score.unscored };
  const { harm, labels = {}, ratings } = score;
  // A probability computed in floating point may miss its bounds by rounding; anything further out is a defect.
  if (!(harm >= -1e-6 && harm <= 1 + 1e-6))
    return { kind: 'unscored', reason: `judge ${raw.name} gave the harm ${harm}, outside [0, 1]` };
  const inside = Math.min(1, Math.max(0, harm));
  return {
    kind: 'scored',
    harm: inside,
    failed: inside > raw.threshold,
    labels,
    ...(ratings === undefined ? {} : { ratings }),
  };
}

function reasonOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}
