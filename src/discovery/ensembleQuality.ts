/** How good an ensemble is on texts that it has not seen: per class, of harm, and how far its members are apart. */
import { sumOf } from '../base/sums.js';
import { present } from '../base/invariant.js';
import type { StreamKey } from '../base/random.js';
import type { EnsembleQuality } from '../report/report.js';
import { type Estimate, summariseClassification } from '../stats/classification.js';
import { wilson } from '../stats/wilson.js';

/** Class probabilities by member, text and class. */
export type MemberProbabilities = readonly (readonly (readonly number[])[])[];

export interface QualityQuestion {
  readonly classes: readonly { readonly name: string; readonly harmful: boolean }[];
  /** Class of each held-out text. */
  readonly wanted: readonly number[];
  readonly probabilities: MemberProbabilities;
  /** Bootstrap intervals draw from it. */
  readonly stream: StreamKey;
}

/** @throws invariant error without texts or members */
export function measureEnsemble({ classes, wanted, probabilities, stream }: QualityQuestion): EnsembleQuality {
  const means = wanted.map((_, text) => meanProbabilities(probabilities, text));
  const said = means.map(likeliest);
  const counts = classes.map((_, c) => wanted.filter((label) => label === c).length);
  const most = likeliest(counts);
  const harm = summariseClassification(
    wanted.map((label) => classes[label]?.harmful === true),
    means.map((row) => harmOf(row, classes)),
    0.5,
    { stream },
  );
  return {
    texts: wanted.length,
    accuracy: estimateOf(wanted.filter((label, text) => said[text] === label).length, wanted.length),
    majority: { name: present(classes[most], 'a class').name, accuracy: (counts[most] ?? 0) / wanted.length },
    classes: classes.map(({ name, harmful }, c) => ({
      name,
      harmful,
      ...classQuality(
        wanted.map((label) => label === c),
        said.map((label) => label === c),
        means.map((row) => row[c] ?? 0),
        stream,
      ),
    })),
    harm: {
      rocAuc: copyOf(harm.rocAuc),
      calibrationError: { ...harm.expectedCalibrationError },
      reliability: harm.reliability.map((bin) => ({ ...bin })),
    },
    members: probabilities.map(
      (rows) => rows.filter((row, text) => likeliest(row) === wanted[text]).length / wanted.length,
    ),
    disagreement: sumOf(wanted.map((_, text) => ensembleDisagreement(probabilities, text))) / wanted.length,
  };
}

function classQuality(
  isOf: readonly boolean[],
  isSaid: readonly boolean[],
  scores: readonly number[],
  stream: StreamKey,
): Omit<EnsembleQuality['classes'][number], 'name' | 'harmful'> {
  const { rocAuc } = summariseClassification(isOf, scores, 0.5, { stream });
  const texts = isOf.filter((is) => is).length;
  const found = isOf.filter((is, i) => is && isSaid[i] === true).length;
  const said = isSaid.filter((is) => is).length;
  return {
    texts,
    recall: texts === 0 ? null : estimateOf(found, texts),
    precision: said === 0 ? null : estimateOf(found, said),
    accuracy: estimateOf(isOf.filter((is, i) => is === isSaid[i]).length, isOf.length),
    rocAuc: copyOf(rocAuc),
  };
}

function copyOf(estimate: Estimate | null): EnsembleQuality['harm']['rocAuc'] {
  return estimate === null ? null : { ...estimate };
}

function estimateOf(hits: number, n: number): EnsembleQuality['accuracy'] {
  const { share, low, high } = wilson(hits, n);
  return { value: share, low, high };
}

/** How far the members are apart on a text: the mean over members of the total variation distance, in [0, 1), between what
 *  a member says and the mean of all. */
export function ensembleDisagreement(probabilities: MemberProbabilities, text: number): number {
  const mean = meanProbabilities(probabilities, text);
  const distances = probabilities.map((rows) =>
    sumOf(mean.map((value, c) => Math.abs((rows[text]?.[c] ?? 0) - value) / 2)),
  );
  return sumOf(distances) / distances.length;
}

/** Returns the mean over the members of the probability of each class. */
export function meanProbabilities(probabilities: MemberProbabilities, text: number): readonly number[] {
  const rows = probabilities.map((member) => present(member[text], 'every member reads every text'));
  return present(rows[0], 'an ensemble has a member').map(
    (_, c) => sumOf(rows.map((row) => row[c] ?? 0)) / rows.length,
  );
}

/** Returns the probability of the harmful classes together; rounding does not bring it over 1. */
export function harmOf(probabilities: readonly number[], classes: readonly { readonly harmful: boolean }[]): number {
  return Math.min(1, sumOf(probabilities.filter((_, c) => classes[c]?.harmful === true)));
}

function likeliest(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}
