import { describe, expect, it } from 'vitest';
import { commonLength, maskWords, meanSimilarities } from './rougeL.js';

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

  it('its mean over the other texts is 1 in a set of copies, and a text is never compared with itself', () => {
    expect(meanSimilarities(['What is it?', 'what is it ?', 'What is it?'])).toEqual([1, 1, 1]);
    expect(meanSimilarities(['alone'])).toEqual([0]);
    expect(meanSimilarities([])).toEqual([]);
    // a–b share 2 of 2 + 4 words, c shares nothing.
    expect(meanSimilarities(['red bird', 'a red small bird', 'stone'])).toEqual([
      expect.closeTo((4 / 6 + 0) / 2, 12),
      expect.closeTo((4 / 6 + 0) / 2, 12),
      0,
    ]);
  });
});
