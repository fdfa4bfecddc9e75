import { describe, expect, it } from 'vitest';
import { createExampleTopic, createWordTopic } from './topic.js';

describe('a topic', () => {
  it('by words is in a text that has one of them whole, in any case, phrases in their order', () => {
    const isAboutTea = createWordTopic(['tea', 'Boiling water']);
    expect(
      ['A pot of TEA, please.', 'The team won.', 'It needs boiling water!', 'Water, boiling.', ''].map(isAboutTea),
    ).toEqual([true, false, true, false, false]);
  });

  it('by examples is the cosine to the mean of their directions, whatever their lengths', () => {
    const cosine = createExampleTopic([
      [10, 0],
      [0, 1],
    ]);
    // The mean direction is (1, 1)/√2: 45° from either axis.
    expect(cosine([3, 0])).toBeCloseTo(Math.SQRT1_2, 12);
    expect(cosine([2, 2])).toBeCloseTo(1, 12);
    expect(cosine([1, -1])).toBeCloseTo(0, 12);
    expect(cosine([0, 0])).toBe(0);
  });
});
