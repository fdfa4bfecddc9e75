/** The tokens that a search may write. */
import type { Tokenizer } from '../../engine/text/tokenizer.js';

/** Printable ASCII; letters and digits alone or punctuation alone, with a space before them or not; or anything. */
export const tokenRules = ['ascii', 'words', 'any'] as const;
export type TokenRule = (typeof tokenRules)[number];

const patterns: Readonly<Record<TokenRule, RegExp>> = {
  ascii: /^[ -~]+$/,
  words: /^ ?(?:[A-Za-z0-9]+|[!-/:-@[-`{-~]+)$/,
  any: /^/,
};

/** Returns the ids that a rule allows, never a special or an empty token.
 *  @param vocabularySize the model's, which may have more rows than the tokenizer has tokens */
export function allowedTokens(tokenizer: Tokenizer, vocabularySize: number, rule: TokenRule): readonly number[] {
  const pattern = patterns[rule];
  return Array.from({ length: Math.min(vocabularySize, tokenizer.vocabularySize) }, (_, id) => id).filter((id) => {
    const bytes = tokenizer.tokenBytes(id);
    if (tokenizer.specialIds.has(id) || bytes.length === 0) return false;
    // Bytes of characters that are not ASCII are outside of every class of the patterns.
    return pattern.test(String.fromCharCode(...bytes));
  });
}
