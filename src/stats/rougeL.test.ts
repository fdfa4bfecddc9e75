import { describe, expect, it } from 'vitest';
import { commonLength, maskWords, nearShares } from './rougeL.js';

describe('ROUGE-L', () => {
  it('counts the longest common subsequence of words, over the borders of 32 bits as well', () => {
    expect(commonLength(maskWords(['what', 'is', 'the', 'word', '?']), ['what', 'the', 'word', 'is', '?'])).toBe(4);
    const long = Array.from({ length: 100 }, (_, i) => `w${String(i)}`);
    expect(
      commonLength(
        maskWords(long),
        long.filter((_, i) => i % 3 === 0),
      ),
    ).toBe(34);
  });

  it('a text is near its copies and what shares half of its words, never itself', () => {
    expect(nearShares(['What is it?', 'what is it ?', 'What is it?'])).toEqual([1, 1, 1]);
    expect(nearShares(['alone'])).toEqual([0]);
    expect(nearShares([])).toEqual([]);
    // The first two share 2 of 2 + 4 words: F1 = 4/6.
    expect(nearShares(['red bird', 'a red small bird', 'stone'])).toEqual([0.5, 0.5, 0]);
    expect(nearShares(['red bird', 'a red small bird', 'stone'], 0.7)).toEqual([0, 0, 0]);
  });
});
