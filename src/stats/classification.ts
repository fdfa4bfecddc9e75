/** How well scores in [0, 1] tell two kinds of texts apart: accuracy and confusion at a threshold, ROC-AUC (Mann &
 *  Whitney 1947, ties at mid-rank), calibration (expected calibration error and its reliability table, Guo et al.
 *  2017). Intervals are percentile bootstraps over the texts. */
import { invariant, present } from '../base/invariant.js';
import { bootstrapInterval, type BootstrapOptions } from './bootstrap.js';

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
  const estimate = (statistic: (counts?: Int32Array) => number | null): Estimate | null => {
    const value = statistic();
    const bounds = value === null ? null : bootstrapInterval(n, statistic, options);
    return value === null ? null : { value, low: bounds?.low ?? value, high: bounds?.high ?? value };
  };
  const accuracy = estimate(
    (counts) => isRight.reduce((sum, right, i) => sum + (right ? (counts?.[i] ?? 1) : 0), 0) / n,
  );
  const calibration = estimate((counts) => calibrationError(countBins(labels, bin, scores, bins, counts)));
  return {
    n,
    positives: truePositive + falseNegative,
    accuracy: present(accuracy, 'there are texts'),
    rocAuc: estimate(auc),
    expectedCalibrationError: present(calibration, 'there are texts'),
    confusion,
    precision: truePositive + falsePositive === 0 ? null : truePositive / (truePositive + falsePositive),
    recall: truePositive + falseNegative === 0 ? null : truePositive / (truePositive + falseNegative),
    reliability: reliabilityTable(labels, scores, bins),
  };
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
