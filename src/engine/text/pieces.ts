/** Texts longer than a model's context, cut so that every piece is a text of its own to the model: each carries the
 *  special tokens that the tokenizer puts around a text ([CLS] … [SEP], <s> … </s>). */
import { invariant } from '../../base/invariant.js';
import type { Tokenizer } from './tokenizer.js';

/** @param maxTokens of a piece, special tokens included
 *  @returns the text's ids when they fit, else pieces without overlap; none for a text without a token of its own */
export function encodePieces(
  tokenizer: Pick<Tokenizer, 'encode'>,
  text: string,
  maxTokens: number,
): readonly (readonly number[])[] {
  const bare = tokenizer.encode(text, { addSpecialTokens: false });
  if (bare.length === 0) return [];
  const whole = tokenizer.encode(text);
  if (whole.length <= maxTokens) return [whole];
  const added = whole.length - bare.length;
  const start =
    Array.from({ length: added + 1 }, (_, i) => i).find((i) => bare.every((id, t) => whole[i + t] === id)) ?? 0;
  const [before, after] = [whole.slice(0, start), whole.slice(start + bare.length)];
  const room = maxTokens - added;
  invariant(room > 0, 'a piece has room for more than special tokens');
  return Array.from({ length: Math.ceil(bare.length / room) }, (_, i) => [
    ...before,
    ...bare.slice(i * room, (i + 1) * room),
    ...after,
  ]);
}
