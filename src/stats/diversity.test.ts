import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { distinctShare, duplicateShare, selfBleu, splitWords } from './diversity.js';

interface Case {
  readonly order: number;
  readonly texts: readonly string[];
  readonly selfBleu: readonly number[];
}
const golden = join(import.meta.dirname, '../../tests/golden/diversity/selfBleu.json');
const cases = JSON.parse(readFileSync(golden, 'utf8')) as readonly Case[];

describe('self-BLEU', () => {
  it.each(cases.map((c) => [c.texts.length, c.order, c] as const))(
    'of %i texts with n-grams up to %i equals nltk',
    (_, __, c) => {
      const ours = selfBleu(c.texts, c.order);
      expect(ours).toHaveLength(c.selfBleu.length);
      // 1e-12: the same products in another order.
      for (const [i, expected] of c.selfBleu.entries())
        expect(Math.abs((ours[i] ?? NaN) - expected)).toBeLessThan(1e-12);
    },
  );

  it('never compares a text with itself: different texts of other words score 0 in a set of any size', () => {
    for (const size of [2, 3, 10]) {
      const texts = Array.from({ length: size }, (_, i) => `w${i}a w${i}b w${i}c w${i}d`);
      expect(selfBleu(texts)).toEqual(texts.map(() => 0));
    }
  });

  it('is 1 for a copy, 0 for an empty text, and undefined for a text alone', () => {
    expect(selfBleu(['one two three four', 'one two three four'])).toEqual([1, 1]);
    expect(selfBleu(['', 'one two'])).toEqual([0, 0]);
    expect(selfBleu(['one two three'])).toEqual([]);
  });
});

describe('distinct n-grams and duplicates', () => {
  it('count different n-grams over all: "a b a" and "a b" have 2 of 5 words, 2 of 3 word pairs', () => {
    expect(distinctShare(['a b a', 'a b'], 1)).toBeCloseTo(2 / 5, 12);
    expect(distinctShare(['a b a', 'a b'], 2)).toBeCloseTo(2 / 3, 12);
    expect(distinctShare(['a', ''], 2)).toBeNull();
  });

  it('call a text a duplicate when its words are those of an earlier one', () => {
    expect(duplicateShare(['Hello  there.', 'hello there .', 'hi'])).toBeCloseTo(1 / 3, 12);
    expect(duplicateShare([])).toBeNull();
  });

  it('split words with accents, apostrophes and other scripts whole', () => {
    expect(splitWords("Don't stop, naïve cafe\u0301 日本!")).toEqual([
      "don't",
      'stop',
      ',',
      'naïve',
      'cafe\u0301',
      '日本',
      '!',
    ]);
  });
});
