/** How much of a judged failure rate is the judge's error, from texts that people have labelled.
 *
 *  With TPR and FPR, the shares of failing and of harmless texts that the judge calls failures, a judged rate R_J is of the
 *  true rate R = (R_J − FPR) / (TPR − FPR) (Rogan & Gladen 1978). That R is below r is certified with one-sided limits at
 *  ζ/3 each: R_J from above, TPR and FPR from below, by Clopper and Pearson, plugged in. R falls with TPR and FPR and
 *  rises with R_J wherever FPR ≤ R_J ≤ TPR, so that the three limits together miss R with probability ζ at most. The Wald
 *  form of the literature does not keep its level in small samples and is not used.
 *
 *  Labels may be drawn at another rate from each verdict. Of the failing texts in the sample the share that the judge calls
 *  failures is then q = p₁ TPR / (p₁ TPR + p₀ (1 − TPR)) with inclusion probabilities p₁ and p₀, whatever the number of such
 *  texts: its limit is Clopper and Pearson's, and TPR follows from it, since q rises with TPR. */
import { invariant } from '../base/invariant.js';
import { openStream, type StreamKey } from '../base/random.js';
import { clopperPearsonLow } from './clopperPearson.js';

/** A text with what the judge says of it and what people say. */
export interface JudgedLabel {
  /** Whether the judge calls it a failure. */
  readonly judged: boolean;
  /** Whether it is one. */
  readonly failing: boolean;
  /** Probability with which a text of this verdict was drawn to be labelled, in (0, 1]. */
  readonly probability: number;
}

export interface JudgeError {
  /** Weighted by the inverse of the inclusion probabilities; null without a failing or without a harmless text. */
  readonly tpr: number | null;
  readonly fpr: number | null;
}

export function judgeErrorOf(labels: readonly JudgedLabel[]): JudgeError {
  const share = (failing: boolean): number | null => {
    const own = labels.filter((label) => label.failing === failing);
    const weight = (some: readonly JudgedLabel[]): number =>
      some.reduce((sum, { probability }) => sum + 1 / probability, 0);
    return own.length === 0 ? null : weight(own.filter(({ judged }) => judged)) / weight(own);
  };
  return { tpr: share(true), fpr: share(false) };
}

/** Returns the true rate in [0, 1]; null for a judge that calls harmless texts failures as often as failing ones. */
export function correctRate(judgedRate: number, { tpr, fpr }: JudgeError): number | null {
  if (tpr === null || fpr === null || tpr <= fpr) return null;
  return Math.min(1, Math.max(0, (judgedRate - fpr) / (tpr - fpr)));
}

/** Percentile bootstrap of the corrected rate: groups of the judge run and labels are drawn anew together. Null where a
 *  twentieth of the draws has no corrected rate.
 *  @param rates sum and number of judged verdicts per group */
export function correctedInterval(
  rates: readonly { readonly failed: number; readonly n: number }[],
  labels: readonly JudgedLabel[],
  stream: StreamKey,
  resamples = 1000,
): { readonly low: number; readonly high: number } | null {
  if (rates.length === 0 || labels.length === 0) return null;
  const draw = openStream(stream);
  const found: number[] = [];
  for (let k = 0; k < resamples; k++) {
    let [failed, n] = [0, 0];
    for (let i = 0; i < rates.length; i++) {
      const group = draw.pick(rates);
      failed += group.failed;
      n += group.n;
    }
    const again = judgeErrorOf(labels.map(() => draw.pick(labels)));
    const rate = n === 0 ? null : correctRate(failed / n, again);
    if (rate !== null) found.push(rate);
  }
  if (found.length < 0.95 * resamples) return null;
  found.sort((a, b) => a - b);
  const at = (share: number): number => found[Math.min(found.length - 1, Math.floor(share * found.length))] as number; // In range.
  return { low: at(0.025), high: at(0.975) };
}

export interface CertificateQuestion {
  /** One-sided upper limit of the judged rate by its confidence. */
  readonly judgedHigh: (level: number) => number;
  readonly labels: readonly JudgedLabel[];
  /** Probability with which a certificate may be false, ζ, in (0, 1). */
  readonly zeta: number;
}

export interface RateLimit {
  /** The true rate is below this with probability 1 − ζ; 1 where nothing can be said. */
  readonly high: number;
  readonly judgedHigh: number;
  readonly tprLow: number;
  readonly fprLow: number;
}

/** Returns the upper limit of the true rate. Null where inclusion probabilities differ within a verdict: the limits of
 *  Clopper and Pearson do not hold then. */
export function correctedLimit({ judgedHigh, labels, zeta }: CertificateQuestion): RateLimit | null {
  invariant(zeta > 0 && zeta < 1, 'a certificate may be false with a probability between 0 and 1');
  const level = 1 - zeta / 3;
  const odds = inclusionOdds(labels);
  if (odds === null) return null;
  const [tprLow, fprLow] = [true, false].map((failing) => {
    const own = labels.filter((label) => label.failing === failing);
    return own.length === 0
      ? 0
      : fromSample(clopperPearsonLow(own.filter(({ judged }) => judged).length, own.length, level), odds);
  }) as [number, number];
  const limit = judgedHigh(level);
  return { high: plugIn(limit, tprLow, fprLow), judgedHigh: limit, tprLow, fprLow };
}

function plugIn(judgedHigh: number, tprLow: number, fprLow: number): number {
  if (judgedHigh <= fprLow) return 0;
  return tprLow <= fprLow || judgedHigh >= tprLow ? 1 : (judgedHigh - fprLow) / (tprLow - fprLow);
}

/** p₁ / p₀; 1 where only one verdict was labelled. */
function inclusionOdds(labels: readonly JudgedLabel[]): number | null {
  const [flagged, passed] = [true, false].map((judged) => [
    ...new Set(labels.filter((label) => label.judged === judged).map(({ probability }) => probability)),
  ]) as [number[], number[]];
  if (flagged.length > 1 || passed.length > 1) return null;
  return (flagged[0] ?? passed[0] ?? 1) / (passed[0] ?? flagged[0] ?? 1);
}

/** Returns the share among all texts from the share q in the sample. */
function fromSample(q: number, odds: number): number {
  return q / (q + odds * (1 - q));
}

/** Labels that would decide, if the texts to come were like those so far. */
export interface MoreLabels {
  /** Further labels of texts that the judge calls failures. */
  readonly flagged: number;
  readonly passed: number;
}

/** Returns about how many more labels would certify that the rate is below `below`, the fewest among: of one verdict, of
 *  the other, of both alike; null where no million of them would. */
export function labelsToCertify(question: CertificateQuestion, below: number): MoreLabels | null {
  const kinds = [
    { flagged: 1, passed: 0 },
    { flagged: 0, passed: 1 },
    { flagged: 0.5, passed: 0.5 },
  ];
  for (let more = 25; more <= 1_000_000; more = Math.ceil(more * 1.25)) {
    for (const kind of kinds) {
      const added = { flagged: Math.round(kind.flagged * more), passed: Math.round(kind.passed * more) };
      if (limitWith(question, added) < below) return added;
    }
  }
  return null;
}

/** The limit when each verdict has more labels, failing as often as those so far. */
function limitWith({ judgedHigh, labels, zeta }: CertificateQuestion, added: MoreLabels): number {
  const level = 1 - zeta / 3;
  const odds = inclusionOdds(labels);
  const count = (judged: boolean, failing: boolean): number =>
    labels.filter((label) => label.judged === judged && label.failing === failing).length;
  const cell = (judged: boolean, failing: boolean): number => {
    const [own, other] = [count(judged, failing), count(judged, !failing)];
    return own === 0 ? 0 : own + Math.round(((judged ? added.flagged : added.passed) * own) / (own + other));
  };
  if (odds === null) return 1;
  const grown = (judged: boolean, more: number, before: number): number =>
    (before === 0 ? 1 : (before + more) / before) * (judged ? odds : 1);
  const [ones, zeros] = [count(true, true) + count(true, false), count(false, true) + count(false, false)];
  const oddsThen = grown(true, added.flagged, ones) / grown(false, added.passed, zeros);
  const low = (failing: boolean): number => {
    const [k, rest] = [cell(true, failing), cell(false, failing)];
    return k + rest === 0 ? 0 : fromSample(clopperPearsonLow(k, k + rest, level), oddsThen);
  };
  return plugIn(judgedHigh(level), low(true), low(false));
}
