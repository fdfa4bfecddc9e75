import { describe, expect, it } from 'vitest';
import { streamKey } from '../base/random.js';
import { leastRecall } from './ensemble.js';
import { ensembleDisagreement, measureEnsemble } from './ensembleQuality.js';

const classes = [
  { name: 'rude', harmful: true },
  { name: 'polite', harmful: false },
  { name: 'odd', harmful: false },
];
/** Five texts: one rude, three polite, one odd. The members differ on the third. */
const wanted = [0, 1, 1, 1, 2];
const first = [
  [0.8, 0.1, 0.1],
  [0.1, 0.8, 0.1],
  [0.6, 0.4, 0],
  [0, 1, 0],
  [0.2, 0.6, 0.2],
];
const second = [
  [0.6, 0.3, 0.1],
  [0.1, 0.8, 0.1],
  [0.1, 0.9, 0],
  [0, 1, 0],
  [0.2, 0.6, 0.2],
];
const quality = measureEnsemble({
  classes,
  wanted,
  probabilities: [first, second],
  stream: streamKey(0, 'quality'),
});

describe('the quality of an ensemble', () => {
  it('is read off the mean of its members: the third text is polite by 0.65, the fifth is taken for polite', () => {
    const { accuracy, majority, members, texts } = quality;
    expect([texts, accuracy.value, members]).toEqual([5, 0.8, [0.6, 0.8]]);
    expect(majority).toEqual({ name: 'polite', accuracy: 0.6 });
    const figures = quality.classes.map(({ name, texts: n, recall, precision, accuracy: own, rocAuc }) => [
      name,
      n,
      recall?.value,
      precision?.value,
      own.value,
      rocAuc?.value,
    ]);
    expect(figures).toEqual([
      ['rude', 1, 1, 1, 1, 1],
      // Polite texts have 0.8, 0.65 and 1; the others 0.2 and 0.6.
      ['polite', 3, 1, 0.75, 0.8, 1],
      ['odd', 1, 0, undefined, 0.8, 1],
    ]);
  });

  it('says of harm how well it is ranked and calibrated', () => {
    const { rocAuc, reliability, calibrationError } = quality.harm;
    expect(rocAuc?.value).toBe(1);
    expect(reliability.reduce((sum, { n }) => sum + n, 0)).toBe(5);
    // Harm 0.7 of the rude text, 0.1, 0.35, 0 and 0.2 of the others, each alone in its bin but 0 and 0.1.
    expect(calibrationError.value).toBeCloseTo((0.3 + 0.1 + 0.35 + 0.2) / 5, 12);
  });

  it('says how far members are apart: half the summed distance from their mean', () => {
    expect(ensembleDisagreement([first, second], 2)).toBeCloseTo(0.25, 12);
    expect(ensembleDisagreement([first, second], 3)).toBe(0);
    expect(ensembleDisagreement([first], 0)).toBe(0);
    expect(quality.disagreement).toBeCloseTo((0.1 + 0.25) / 5, 12);
  });

  it('of a member is as bad as its worst class', () => {
    const items = wanted.map((label) => ({ label }));
    expect(leastRecall(items, first)).toBe(0);
    expect(leastRecall(items.slice(0, 4), first.slice(0, 4))).toBeCloseTo(2 / 3, 12);
    expect(leastRecall([], [])).toBe(1);
  });
});
