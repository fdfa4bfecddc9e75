import { describe, expect, it } from 'vitest';
import { socialDimensions, socialHarm, socialMean, socialRatings, type SocialRatings } from './social.js';

const at = (value: (dimension: (typeof socialDimensions)[number]) => number): SocialRatings =>
  socialRatings(Object.fromEntries(socialDimensions.map((each) => [each.name, value(each)]))) as SocialRatings; // All are given.

describe('the mean of social ratings as a harm', () => {
  it('is 0 at the least of every range and 1 at the greatest, and a point of the mean is 0.1', () => {
    const [least, greatest] = [at(({ low }) => low), at(({ high }) => high)];
    expect([socialMean(least), socialMean(greatest)]).toEqual([-30 / 7, 40 / 7]);
    expect([socialHarm(least), socialHarm(greatest)]).toEqual([0, 1]);
    const plain = at(() => 0);
    // Seven points on one dimension are one point of the mean.
    expect(socialHarm({ ...plain, goal: 7 }) - socialHarm(plain)).toBeCloseTo(0.1, 12);
    expect(socialHarm(plain)).toBeCloseTo(3 / 7, 12);
  });

  it('is not given where a dimension is missing', () => {
    expect(socialRatings({ goal: 1 })).toBeNull();
  });
});
