import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { streamKey } from '../base/random.js';
import {
  expectedCalibrationError,
  reliabilityTable,
  rocAuc,
  rocAucInterval,
  summariseClassification,
  type Confusion,
} from './classification.js';

interface GoldenCase {
  readonly labels: readonly boolean[];
  readonly scores: readonly number[];
  readonly rocAuc: number;
  readonly accuracy: number;
  readonly confusion: Confusion;
  readonly precision: number;
  readonly recall: number;
  readonly expectedCalibrationError: number;
}

const cases = JSON.parse(readFileSync('tests/golden/classification/scores.json', 'utf8')) as readonly GoldenCase[];
const options = { stream: streamKey(0, 'classification') };

describe('classification', () => {
  it.each(cases)('case %#: every figure is scikit-learn’s, ties included', (golden) => {
    const found = summariseClassification(golden.labels, golden.scores, 0.5, options);
    expect(rocAuc(golden.labels, golden.scores)).toBeCloseTo(golden.rocAuc, 12);
    expect(found.rocAuc?.value).toBeCloseTo(golden.rocAuc, 12);
    expect(found.accuracy.value).toBeCloseTo(golden.accuracy, 12);
    expect(found.confusion).toEqual(golden.confusion);
    expect(found.precision).toBeCloseTo(golden.precision, 12);
    expect(found.recall).toBeCloseTo(golden.recall, 12);
    expect(found.expectedCalibrationError.value).toBeCloseTo(golden.expectedCalibrationError, 12);
  });

  it('equal scores tell nothing: 0.5; an order turned round is 1 minus itself', () => {
    const labels = [true, false, true, false];
    expect(rocAuc(labels, [0.3, 0.3, 0.3, 0.3])).toBe(0.5);
    expect(rocAuc(labels, [0.9, 0.1, 0.8, 0.2])).toBe(1);
    for (const { labels: given, scores } of cases) {
      expect(
        rocAuc(
          given,
          scores.map((score) => -score),
        ),
      ).toBeCloseTo(1 - rocAuc(given, scores), 12);
    }
  });

  it('intervals hold their estimate, narrow with the number of texts, and are the same for the same stream', () => {
    const [, small] = cases;
    const { labels, scores } = small as GoldenCase;
    const widthOf = (copies: number): number => {
      const many = <T>(list: readonly T[]): readonly T[] => Array.from({ length: copies }, () => list).flat();
      const { rocAuc: auc } = summariseClassification(many(labels), many(scores), 0.5, options);
      expect(auc?.low).toBeLessThan(auc?.value ?? 0);
      expect(auc?.high).toBeGreaterThan(auc?.value ?? 1);
      return (auc?.high ?? 0) - (auc?.low ?? 0);
    };
    // Nine times the texts: a third of the width, give or take the bootstrap's own noise.
    expect(widthOf(9) / widthOf(1)).toBeGreaterThan(0.25);
    expect(widthOf(9) / widthOf(1)).toBeLessThan(0.42);
    expect(summariseClassification(labels, scores, 0.5, options)).toEqual(
      summariseClassification(labels, scores, 0.5, options),
    );
  });

  it('two texts told apart are not certain: Wilson’s for two of two, Newcombe’s for one of each kind', () => {
    const {
      accuracy,
      rocAuc: auc,
      expectedCalibrationError: calibration,
    } = summariseClassification([false, true], [0, 1], 0.5, options);
    // z² / (n + z²) misses two of two: 2 / (2 + 3.8415) = 0.3424; for one pair 1 / (1 + 3.8415) = 0.2065.
    expect(accuracy.value).toBe(1);
    expect(accuracy.low).toBeCloseTo(0.3424, 4);
    expect(auc?.value).toBe(1);
    expect(auc?.low).toBeCloseTo(0.2065, 4);
    expect([accuracy.high, auc?.high]).toEqual([1, 1]);
    expect(calibration).toMatchObject({ value: 0, low: 0 });
    expect(calibration.high).toBeCloseTo(0.6576, 4);
  });

  it('kinds that are far apart leave ROC-AUC an interval that narrows with the number of texts', () => {
    const lowOf = (each: number): number => {
      const labels = [...Array.from({ length: each }, () => true), ...Array.from({ length: each }, () => false)];
      return summariseClassification(labels, labels.map(Number), 0.5, options).rocAuc?.low ?? NaN;
    };
    expect(lowOf(5)).toBeLessThan(0.75);
    expect(lowOf(50)).toBeGreaterThan(0.9);
    expect(lowOf(50)).toBeLessThan(0.999);
    // Where a score interval has a known form: 0.5 of 1 and 1 is Wilson's around a half of one trial.
    expect(rocAucInterval(0.5, 1, 1).low).toBeCloseTo(0.0546, 3);
  });

  it('labels of one kind leave ROC-AUC undefined: null in a summary, refused on its own', () => {
    expect(summariseClassification([true, true], [0.2, 0.9], 0.5, options)).toMatchObject({
      rocAuc: null,
      accuracy: { value: 0.5 },
      positives: 2,
    });
    expect(() => rocAuc([false, false], [0, 1])).toThrow(/labelled true/);
    expect(() => rocAuc([false, true], [0, Number.NaN])).toThrow(/finite/);
  });

  it('the reliability table counts every text once, edges included; a calibrated score has no error', () => {
    const table = reliabilityTable([false, true, true, false, true], [0, 0.1, 1, 0.5, 0.55]);
    expect(table.map(({ n }) => n)).toEqual([2, 0, 0, 0, 1, 1, 0, 0, 0, 1]);
    expect(table[0]).toEqual({ from: 0, to: 0.1, n: 2, meanScore: 0.05, share: 0.5 });
    expect(table[1]).toMatchObject({ meanScore: null, share: null });
    expect(expectedCalibrationError([true, false, false, false], [0.25, 0.25, 0.25, 0.25])).toBe(0);
    expect(expectedCalibrationError([true, true], [0.25, 0.25])).toBe(0.75);
  });
});
