/** The probability of an event in ordinary dialogues, from dialogues of which some were drawn otherwise.
 *
 *  Each dialogue is ordinary with probability α, else its user's turns come from a tilted model. With ℓ the log-ratio of
 *  the two models over these turns, w = 1 / (α + (1 − α) e^ℓ) is the density of ordinary dialogues over that of the
 *  mixture, never more than 1 / α, so that the mean of w·h is the probability of h. A mixture per token would not bound
 *  the weights.
 *  @source A. Owen & Y. Zhou, Safe and effective importance sampling, 2000 */
import { sumOf } from '../base/sums.js';
import { invariant } from '../base/invariant.js';
import type { StreamKey } from '../base/random.js';
import { quantile } from './bootstrap.js';
import { bettingHigh, empiricalBernsteinHigh } from './boundedMean.js';
import { resamplesOf, sumsByUnit } from './resampling.js';

/** A tilted process of a mixture. */
export interface TiltedPart {
  /** Probability that a dialogue is drawn from it. */
  readonly share: number;
  /** log of its density minus log of the ordinary density, nats; +∞ where ordinary dialogues cannot be so. */
  readonly logRatio: number;
}

/** Returns the weight of a dialogue, in [0, 1 / α].
 *  @param plainShare α, in (0, 1]
 *  @param tilted with α, the shares add up to 1 */
export function mixtureWeight(plainShare: number, tilted: readonly TiltedPart[]): number {
  invariant(plainShare > 0 && plainShare <= 1, 'ordinary dialogues have a share');
  const others = sumOf(tilted.map(({ share, logRatio }) => (share === 0 ? 0 : share * Math.exp(logRatio))));
  return 1 / (plainShare + others);
}

/** A dialogue as an estimate counts it. */
export interface WeightedDraw {
  /** Dialogues with the same opening are no independent ones. */
  readonly opening: string;
  /** In [0, 1 / α]. */
  readonly weight: number;
  readonly isTilted: boolean;
  /** The event, or a share of it such as the failed among the replies, in [0, 1]; null where no judge could say. */
  readonly event: number | null;
}

export interface EstimateOptions {
  /** α, in (0, 1]. */
  readonly plainShare: number;
  /** Confidence of both figures, in (0, 1); default 0.95. */
  readonly level?: number;
  /** The resamples of the practical interval. */
  readonly stream: StreamKey;
}

export interface ProbabilityEstimate {
  /** Mean of w·h over openings, with the weights' mean of 1 as a control variate; unscored dialogues are left out. Null
   *  where none was scored. */
  readonly mean: number | null;
  /** The practical interval, a bootstrap by opening in which unscored dialogues are no events at the low end and events at
   *  the high one. It assumes that the tilted draws reach every part of the event. Null below an effective sample size
   *  of 100, and where one dialogue has more than a twentieth of Σ w·h. */
  readonly low: number | null;
  readonly high: number | null;
  readonly dialogues: number;
  readonly unscored: number;
  readonly openings: number;
  /** With the confidence asked for the probability is at most this, whatever the tilted draws reach; unscored dialogues
   *  count as events. */
  readonly guaranteedHigh: number;
  /** The same by the empirical Bernstein inequality; null for one opening. */
  readonly bernsteinHigh: number | null;
  /** Near 1 unless the tilted draws leave out much of what ordinary ones do; a mean near 1 is no proof. */
  readonly meanWeight: number;
  /** (Σ w·h)² / Σ (w·h)²; null without an event. */
  readonly effectiveSampleSize: number | null;
  /** The share of Σ w·h that one dialogue has, at most; null without an event. */
  readonly largestShare: number | null;
  /** The share of Σ w·h that tilted dialogues have; null without an event. */
  readonly tiltedShare: number | null;
  /** Standard error of the mean, by opening; null for one opening. */
  readonly standardError: number | null;
  /** The number of ordinary dialogues alone whose mean would be as sure; null without an event. */
  readonly plainEquivalent: number | null;
}

/** The least effective sample size that has a practical interval, and the largest share of the sum that one dialogue may
 *  have there. The size alone is not enough: where a few ordinary dialogues with the greatest weight decide it, it is
 *  large in just those samples that happen to hold too few of them (docs/signoff.md). */
const leastEffectiveSize = 100;
const largestDialogueShare = 0.05;

/** Resamples of the practical interval. */
const resamples = 1000;

/** @param draws in the order of their drawing; at least one */
export function estimateProbability(draws: readonly WeightedDraw[], options: EstimateOptions): ProbabilityEstimate {
  const { plainShare, level = 0.95, stream } = options;
  invariant(draws.length > 0, 'an estimate needs a dialogue');
  const scored = draws.filter(({ event }) => event !== null);
  const clusters = meansByOpening(scored, ({ event }) => event ?? 0);
  const fit = controlled(clusters);
  const worst = meansByOpening(draws, ({ event }) => event ?? 1);
  const bounded = worst.map(({ hit }) => Math.min(1, plainShare * hit)); // At most 1 but for rounding.
  const hits = scored.map(({ weight, event }) => weight * (event ?? 0));
  const total = sumOf(hits);
  const effectiveSampleSize = total > 0 ? total ** 2 / sumOf(hits.map((hit) => hit ** 2)) : null;
  const largestShare = total > 0 ? Math.max(...hits) / total : null;
  const isPractical =
    effectiveSampleSize !== null &&
    effectiveSampleSize >= leastEffectiveSize &&
    largestShare !== null &&
    largestShare <= largestDialogueShare;
  const interval = isPractical ? practicalInterval(draws, { level, stream }) : null;
  const spread = spreadOf(scored, fit.mean);
  return {
    mean: fit.mean,
    low: interval?.low ?? null,
    high: interval?.high ?? null,
    dialogues: draws.length,
    unscored: draws.length - scored.length,
    openings: worst.length,
    guaranteedHigh: Math.min(1, bettingHigh(bounded, { level }) / plainShare),
    bernsteinHigh: bounded.length < 2 ? null : Math.min(1, empiricalBernsteinHigh(bounded, { level }) / plainShare),
    meanWeight: sumOf(draws.map(({ weight }) => weight)) / draws.length,
    effectiveSampleSize,
    largestShare,
    tiltedShare:
      total > 0
        ? sumOf(scored.map(({ isTilted, weight, event }) => (isTilted ? weight * (event ?? 0) : 0))) / total
        : null,
    standardError: fit.standardError,
    plainEquivalent:
      total > 0 && fit.standardError !== null && fit.standardError > 0 && spread !== null
        ? spread / fit.standardError ** 2
        : null,
  };
}

/** The means of one opening. */
interface OpeningMeans {
  /** Mean of w·h. */
  readonly hit: number;
  /** Mean of w. */
  readonly weight: number;
}

function meansByOpening(
  draws: readonly WeightedDraw[],
  eventOf: (draw: WeightedDraw) => number,
): readonly OpeningMeans[] {
  const sums = new Map<string, { hit: number; weight: number; count: number }>();
  for (const draw of draws) {
    const sum = sums.get(draw.opening) ?? { hit: 0, weight: 0, count: 0 };
    sum.hit += draw.weight * eventOf(draw);
    sum.weight += draw.weight;
    sum.count += 1;
    sums.set(draw.opening, sum);
  }
  return [...sums.values()].map(({ hit, weight, count }) => ({ hit: hit / count, weight: weight / count }));
}

/** The mean of hits, corrected by how far the mean of the weights is from the 1 that it is known to be. */
function controlled(clusters: readonly OpeningMeans[]): {
  readonly mean: number | null;
  readonly standardError: number | null;
} {
  const n = clusters.length;
  if (n === 0) return { mean: null, standardError: null };
  const sums: Sums = {
    n,
    hit: sumOf(clusters.map((each) => each.hit)),
    weight: sumOf(clusters.map((each) => each.weight)),
    product: sumOf(clusters.map((each) => each.hit * each.weight)),
    square: sumOf(clusters.map((each) => each.weight ** 2)),
  };
  const slope = slopeOf(sums);
  const [hit, weight] = [sums.hit / n, sums.weight / n];
  const squares = sumOf(clusters.map((each) => (each.hit - hit - slope * (each.weight - weight)) ** 2));
  return { mean: controlledMean(sums), standardError: n < 2 ? null : Math.sqrt(squares / (n * (n - 1))) };
}

/** Sums over openings. */
interface Sums {
  readonly n: number;
  readonly hit: number;
  readonly weight: number;
  readonly product: number;
  readonly square: number;
}

/** Returns the slope of hits over weights; 0 where all weights are alike. */
function slopeOf({ n, hit, weight, product, square }: Sums): number {
  const variance = square / n - (weight / n) ** 2;
  return variance <= 1e-12 ? 0 : (product / n - (hit / n) * (weight / n)) / variance;
}

function controlledMean(sums: Sums): number {
  const mean = sums.hit / sums.n - slopeOf(sums) * (sums.weight / sums.n - 1);
  return Math.min(1, Math.max(0, mean));
}

function practicalInterval(
  draws: readonly WeightedDraw[],
  { level, stream }: { readonly level: number; readonly stream: StreamKey },
): { readonly low: number; readonly high: number } | null {
  const isWhole = draws.every(({ event }) => event !== null);
  const low = resampled(
    meansByOpening(draws, ({ event }) => event ?? 0),
    { level, stream },
  );
  const high = isWhole
    ? low
    : resampled(
        meansByOpening(draws, ({ event }) => event ?? 1),
        { level, stream },
      );
  return low === null || high === null ? null : { low: low.low, high: high.high };
}

function resampled(
  clusters: readonly OpeningMeans[],
  { level, stream }: { readonly level: number; readonly stream: StreamKey },
): { readonly low: number; readonly high: number } | null {
  if (clusters.length < 2) return null;
  const table = resamplesOf(stream, clusters.length, resamples);
  const column = (of: (cluster: OpeningMeans) => number): Float64Array =>
    sumsByUnit(Float64Array.from(clusters, of), table);
  const counts = column(() => 1);
  const hits = column(({ hit }) => hit);
  const weights = column(({ weight }) => weight);
  const products = column(({ hit, weight }) => hit * weight);
  const squares = column(({ weight }) => weight * weight);
  const means = new Float64Array(resamples);
  for (let k = 0; k < resamples; k++) {
    let [n, hit, weight, product, square] = [0, 0, 0, 0, 0];
    for (let at = k * table.units; at < (k + 1) * table.units; at++) {
      const unit = table.draws[at] as number; // In range, as are the sums of each unit.
      n += counts[unit] as number;
      hit += hits[unit] as number;
      weight += weights[unit] as number;
      product += products[unit] as number;
      square += squares[unit] as number;
    }
    means[k] = controlledMean({ n, hit, weight, product, square });
  }
  const sorted = means.toSorted();
  return { low: quantile(sorted, (1 - level) / 2), high: quantile(sorted, (1 + level) / 2) };
}

/** Returns the variance of the event over ordinary dialogues: P (1 − P) where it is there or not. */
function spreadOf(scored: readonly WeightedDraw[], mean: number | null): number | null {
  if (mean === null) return null;
  const isShare = scored.some(({ event }) => event !== 0 && event !== 1);
  if (!isShare) return mean * (1 - mean);
  const squares = sumOf(scored.map(({ weight, event }) => weight * (event ?? 0) ** 2)) / scored.length;
  return Math.max(0, squares - mean ** 2);
}
