import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createEarlierTexts } from './earlierTexts.js';

interface GoldenCase {
  readonly references: readonly string[];
  readonly texts: readonly string[];
  readonly similarity: readonly number[];
}

const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../tests/golden/diversity/earlierTexts.json'), 'utf8'),
) as readonly GoldenCase[];

describe('what has been said before', () => {
  it('equals the mean of nltk’s BLEU-2 to BLEU-5 against all earlier texts, however they came', () => {
    for (const { references, texts, similarity } of golden) {
      const earlier = createEarlierTexts();
      for (const reference of references) earlier.add([reference]);
      expect(earlier.texts()).toEqual(references);
      texts.forEach((text, i) => expect(earlier.similarity(text)).toBeCloseTo(similarity[i] ?? Number.NaN, 12));
    }
  });

  it('is unknown before the first text', () => {
    expect(createEarlierTexts().similarity('anything')).toBeNull();
  });

  it('is zero for a text without a common word, and for none', () => {
    const earlier = createEarlierTexts();
    earlier.add(['the cat sat']);
    expect(earlier.similarity('dogs bark')).toBe(0);
    expect(earlier.similarity('')).toBe(0);
  });
});
