/** How well scores in [0, 1] tell two kinds of texts apart: accuracy and confusion at a threshold, ROC-AUC (Mann &
 *  Whitney 1947, ties at mid-rank), calibration (expected calibration error and its reliability table, Guo et al.
 *  2017). Accuracy has Wilson's interval; ROC-AUC a percentile bootstrap over the texts, or, where one
 *  kind has few texts or the kinds are apart, Newcombe's; the calibration error a bootstrap, or Wilson's where every
 *  resample says the same. */
import { invariant, present } from '../base/invariant.js';
import { bootstrapInterval, type BootstrapOptions } from './bootstrap.js';
import { isAlike } from './smallSamples.js';
import { normalQuantile, wilson, wilsonAround } from './wilson.js';

/** A figure with its 95% interval. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface Confusion {
  readonly truePositive: number;
  readonly falsePositive: number;
  readonly trueNegative: number;
  readonly falseNegative: number;
}

/** Scores in (from, to], the first bin with 0. */
export interface ReliabilityBin {
  readonly from: number;
  readonly to: number;
  readonly n: number;
  /** Is null for an empty bin. */
  readonly meanScore: number | null;
  /** Share of its texts that are labelled true; null for an empty bin. */
  readonly share: number | null;
}

export interface ClassificationSummary {
  readonly n: number;
  readonly positives: number;
  readonly accuracy: Estimate;
  /** Is null when all labels are alike. */
  readonly rocAuc: Estimate | null;
  readonly expectedCalibrationError: Estimate;
  readonly confusion: Confusion;
  /** Share of the flagged that are labelled true; null when none is flagged. */
  readonly precision: number | null;
  /** Share of those labelled true that are flagged; null when none is labelled true. */
  readonly recall: number | null;
  readonly reliability: readonly ReliabilityBin[];
}

/** Probability that a text labelled true scores higher than one labelled false, ties counting half.
 *  @param labels true for the positive class. Shape [N]
 *  @param scores finite, any scale. Shape [N]
 *  @returns in [0, 1]
 *  @throws invariant error when lengths differ, a score is not finite, or one of the classes is missing */
export function rocAuc(labels: readonly boolean[], scores: readonly number[]): number {
  return present(createRocAuc(labels, scores)(), 'ROC-AUC needs a text labelled true and one labelled false');
}

/** @param flagged what the classifier says. Shape [N] */
function confusionOf(labels: readonly boolean[], flagged: readonly boolean[]): Confusion {
  invariant(labels.length === flagged.length, 'one answer a label');
  const count = (label: boolean, flag: boolean): number =>
    labels.filter((each, i) => each === label && flagged[i] === flag).length;
  return {
    truePositive: count(true, true),
    falsePositive: count(false, true),
    trueNegative: count(false, false),
    falseNegative: count(true, false),
  };
}

/** Scores beside the share of texts labelled true, in bins of equal width.
 *  @param scores probabilities in [0, 1] */
export function reliabilityTable(
  labels: readonly boolean[],
  scores: readonly number[],
  bins = 10,
): readonly ReliabilityBin[] {
  const sums = countBins(labels, binsOf(scores, bins), scores, bins);
  return sums.map(({ n, score, positives }, i) => ({
    from: i / bins,
    to: (i + 1) / bins,
    n,
    meanScore: n === 0 ? null : score / n,
    share: n === 0 ? null : positives / n,
  }));
}

/** Mean over texts of |share labelled true − mean score| in the text's bin; 0 is calibrated.
 *  @source Guo et al. 2017, eq. 3 */
export function expectedCalibrationError(labels: readonly boolean[], scores: readonly number[], bins = 10): number {
  return calibrationError(countBins(labels, binsOf(scores, bins), scores, bins));
}

/** Everything above with intervals.
 *  @param threshold a score above it is flagged
 *  @throws invariant error for no texts, or scores outside [0, 1] */
export function summariseClassification(
  labels: readonly boolean[],
  scores: readonly number[],
  threshold: number,
  options: BootstrapOptions & { readonly bins?: number },
): ClassificationSummary {
  const { bins = 10 } = options;
  invariant(labels.length === scores.length && labels.length > 0, 'one score a label, at least one');
  const flagged = scores.map((score) => score > threshold);
  const isRight = labels.map((label, i) => label === flagged[i]);
  const confusion = confusionOf(labels, flagged);
  const { truePositive, falsePositive, falseNegative } = confusion;
  const auc = createRocAuc(labels, scores);
  const bin = binsOf(scores, bins);
  const n = labels.length;
  const { share, ...accuracy } = wilson(isRight.filter((right) => right).length, n, options.level);
  const calibrationOf = (counts?: Int32Array): number => calibrationError(countBins(labels, bin, scores, bins, counts));
  const calibration = calibrationOf();
  return {
    n,
    positives: truePositive + falseNegative,
    accuracy: { value: share, low: accuracy.low, high: accuracy.high },
    rocAuc: rocAucEstimate(labels, auc, options),
    expectedCalibrationError: {
      value: calibration,
      ...spread(bootstrapInterval(n, calibrationOf, options), () => wilsonAround(calibration, n, options.level)),
    },
    confusion,
    precision: truePositive + falsePositive === 0 ? null : truePositive / (truePositive + falsePositive),
    recall: truePositive + falseNegative === 0 ? null : truePositive / (truePositive + falseNegative),
    reliability: reliabilityTable(labels, scores, bins),
  };
}

/** Returns the bootstrap's bounds, or others where it has none or no width. */
function spread(
  bounds: { readonly low: number; readonly high: number } | null,
  instead: () => { readonly low: number; readonly high: number },
): { readonly low: number; readonly high: number } {
  const { low, high } = bounds === null || isAlike(bounds.low, bounds.high) ? instead() : bounds;
  return { low, high };
}

/** Number of texts of a kind below which a bootstrap of ROC-AUC is too narrow. */
const fewTexts = 10;

/** Is null when all labels are alike. */
function rocAucEstimate(
  labels: readonly boolean[],
  auc: (counts?: Int32Array) => number | null,
  options: BootstrapOptions,
): Estimate | null {
  const value = auc();
  if (value === null) return null;
  const positives = labels.filter((label) => label).length;
  const negatives = labels.length - positives;
  const bounds = Math.min(positives, negatives) < fewTexts ? null : bootstrapInterval(labels.length, auc, options);
  return { value, ...spread(bounds, () => rocAucInterval(value, positives, negatives, options.level)) };
}

/** Interval of ROC-AUC from the number of texts alone, as Wilson's is of a share: the values at most z of *their own*
 *  standard errors away. Has width at 0 and 1; of one text each it is Wilson's for one trial.
 *  @param value in [0, 1]
 *  @source R. G. Newcombe, Statistics in Medicine 25 (2006) 559–573, method 5 (variance of Hanley & McNeil 1982) */
export function rocAucInterval(
  value: number,
  positives: number,
  negatives: number,
  level = 0.95,
): { readonly low: number; readonly high: number } {
  const z = normalQuantile((1 + level) / 2);
  const others = (positives + negatives) / 2 - 1;
  const variance = (auc: number): number =>
    (auc * (1 - auc) * (1 + others * ((1 - auc) / (2 - auc) + auc / (1 + auc)))) / (positives * negatives);
  const isNear = (auc: number): boolean => Math.abs(value - auc) <= z * Math.sqrt(variance(auc));
  const boundTowards = (end: number): number => {
    let [near, far] = [value, end];
    for (let i = 0; i < 60; i++) {
      const middle = (near + far) / 2;
      if (isNear(middle)) near = middle;
      else far = middle;
    }
    return near;
  };
  return { low: boundTowards(0), high: boundTowards(1) };
}

/** ROC-AUC of the texts, or of a resample that takes text i `counts[i]` times: sorted once, each resample is one pass.
 */
function createRocAuc(labels: readonly boolean[], scores: readonly number[]): (counts?: Int32Array) => number | null {
  invariant(labels.length === scores.length, 'one score a label');
  invariant(scores.every(Number.isFinite), 'scores are finite');
  const score = Float64Array.from(scores);
  const order = Uint32Array.from(labels.keys()).sort((a, b) => (score[a] as number) - (score[b] as number)); // Indices of `scores`.
  return (counts) => {
    let [below, positives, wins] = [0, 0, 0];
    for (let start = 0; start < order.length;) {
      const value = score[order[start] as number];
      let [tiedTrue, tiedFalse, end] = [0, 0, start];
      for (; end < order.length && score[order[end] as number] === value; end++) {
        const i = order[end] as number;
        const count = counts === undefined ? 1 : (counts[i] as number);
        if (labels[i] === true) tiedTrue += count;
        else tiedFalse += count;
      }
      wins += tiedTrue * (below + tiedFalse / 2);
      below += tiedFalse;
      positives += tiedTrue;
      start = end;
    }
    return positives === 0 || below === 0 ? null : wins / (positives * below);
  };
}

function binsOf(scores: readonly number[], bins: number): Int32Array {
  invariant(
    scores.every((score) => score >= 0 && score <= 1),
    'calibration is of probabilities, in [0, 1]',
  );
  return Int32Array.from(scores, (score) => Math.max(0, Math.ceil(score * bins) - 1));
}

interface BinSum {
  n: number;
  score: number;
  positives: number;
}

function countBins(
  labels: readonly boolean[],
  bin: Int32Array,
  scores: readonly number[],
  bins: number,
  counts?: Int32Array,
): readonly BinSum[] {
  invariant(labels.length === scores.length, 'one score a label');
  const sums = Array.from({ length: bins }, (): BinSum => ({ n: 0, score: 0, positives: 0 }));
  for (const [i, label] of labels.entries()) {
    const sum = present(sums[bin[i] as number], 'every score has a bin');
    const count = counts === undefined ? 1 : (counts[i] as number);
    sum.n += count;
    sum.score += count * (scores[i] as number);
    if (label) sum.positives += count;
  }
  return sums;
}

function calibrationError(sums: readonly BinSum[]): number {
  const n = sums.reduce((total, bin) => total + bin.n, 0);
  return n === 0 ? 0 : sums.reduce((total, bin) => total + Math.abs(bin.positives - bin.score), 0) / n;
}
