/** Counts the texts that a judge leaves without a verdict and refuses to go on when they are too many. Without this, a
 *  judge that is down, or whose answers cannot be read, would leave a rate over the few texts that it happened to score.
 */
import { z } from 'zod';
import { JudgeError } from '../base/errors.js';
import { readAs } from '../base/readAs.js';
import { keepOrigin } from './origins.js';
import type { Judge, Verdict } from './types.js';

export interface UnscoredCount {
  readonly texts: number;
  readonly unscored: number;
  /** Reasons, the commonest first. */
  readonly reasons: readonly { readonly reason: string; readonly count: number }[];
}

const countSchema: z.ZodType<UnscoredCount> = z.object({
  texts: z.int().min(0),
  unscored: z.int().min(0),
  reasons: z.array(z.object({ reason: z.string(), count: z.int().min(0) })),
});

export interface WatchedJudge extends Judge {
  readonly counts: () => UnscoredCount;
  /** Checks the share. @throws JudgeError when more than the allowed share of all texts so far is unscored */
  readonly check: () => void;
}

/** The share is not checked before this number of texts; the check at the end counts any number. */
const leastTexts = 20;

/** Returns the same judge, counted from now on. Its `judge` throws as soon as the share is over the limit.
 *  @param maxUnscored share in [0, 1] of texts that may stay without a verdict
 *  @param where what is being judged, for the message: 'evaluate, row ipo' */
export function watchUnscored(judge: Judge, maxUnscored: number, where: string): WatchedJudge {
  const tally = createTally();
  const check = (): void => {
    requireScored(judge.name, tally.counts(), maxUnscored, where);
  };
  const checkSome = (): void => {
    if (tally.counts().texts >= leastTexts) check();
  };
  const watched: WatchedJudge = {
    ...judge,
    judge: async (items) => {
      const verdicts = await judge.judge(items);
      tally.add(verdicts);
      checkSome();
      return verdicts;
    },
    counts: tally.counts,
    check,
  };
  return keepOrigin(watched, judge, (origin) => ({
    ...origin,
    countElsewhere: (counts) => {
      tally.addCount(readAs(countSchema, counts, where));
      checkSome();
    },
  }));
}

/** The part of a verdict that is counted. */
type Counted = Pick<Extract<Verdict, { kind: 'scored' }>, 'kind'> | Extract<Verdict, { kind: 'unscored' }>;

export function countUnscored(verdicts: readonly Counted[]): UnscoredCount {
  const tally = createTally();
  tally.add(verdicts);
  return tally.counts();
}

interface Tally {
  readonly add: (verdicts: readonly Counted[]) => void;
  readonly addCount: (counted: UnscoredCount) => void;
  readonly counts: () => UnscoredCount;
}

function createTally(): Tally {
  const reasons = new Map<string, number>();
  let [texts, unscored] = [0, 0];
  return {
    addCount: (counted) => {
      texts += counted.texts;
      unscored += counted.unscored;
      for (const { reason, count } of counted.reasons) reasons.set(reason, (reasons.get(reason) ?? 0) + count);
    },
    add: (verdicts) => {
      texts += verdicts.length;
      for (const verdict of verdicts) {
        if (verdict.kind === 'scored') continue;
        unscored++;
        reasons.set(verdict.reason, (reasons.get(verdict.reason) ?? 0) + 1);
      }
    },
    counts: () => ({
      texts,
      unscored,
      reasons: [...reasons].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count),
    }),
  };
}

/** Checks a finished count. @throws JudgeError when the unscored are more than `maxUnscored` of the texts */
export function requireScored(
  judge: string,
  { texts, unscored, reasons }: UnscoredCount,
  maxUnscored: number,
  where: string,
): void {
  if (unscored === 0 || unscored <= maxUnscored * texts) return;
  const [commonest] = reasons;
  throw new JudgeError('The judge left too many texts without a verdict', {
    where,
    expected: `at most ${String(Math.round(maxUnscored * 1000) / 10)}% unscored (judge.maxUnscored ${String(maxUnscored)}) by ${judge}`,
    got: `${String(unscored)} of ${String(texts)} texts unscored; the commonest reason, ${String(commonest?.count ?? 0)} times: ${commonest?.reason ?? ''}`,
    remedy: 'Mend the judge, or raise judge.maxUnscored if figures over the remaining texts are what you want.',
  });
}
