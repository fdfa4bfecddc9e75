import { describe, expect, it } from 'vitest';
import { textIds } from './embed.js';

/** A token per word, between 1 and 2. */
const tokenizer = {
  encode: (text: string, { addSpecialTokens = true }: { readonly addSpecialTokens?: boolean } = {}): number[] => {
    const words = text
      .split(' ')
      .filter((word) => word !== '')
      .map(Number);
    return addSpecialTokens ? [1, ...words, 2] : words;
  },
};

describe('the tokens of a sample', () => {
  it('stand between the tokens that their model expects, however long the sample is', () => {
    const ids = (text: string): readonly number[] => textIds({ tokenizer, contextLength: 5 }, text);
    expect(ids('7 8 9')).toEqual([1, 7, 8, 9, 2]);
    expect(ids('7 8 9 10 11')).toEqual([1, 7, 8, 9, 2]);
    expect(ids('')).toEqual([1, 2]);
  });
});
