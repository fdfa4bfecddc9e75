/** A text that goes on from another, as ids. Tokenizers that put a space before a text (Llama 2, Mistral, T5's kind)
 *  would begin a new text with it; here the text is encoded after another one, whose ids are then taken away. */
import type { Tokenizer } from './tokenizer.js';

/** The text is encoded after one of these: the first whose ids stay as they are. */
const anchors = ['\n', ':', 'a'] as const;

/** Returns the ids of `text` where it follows other text, no special tokens added. */
export function continuationIds(tokenizer: Tokenizer, text: string): readonly number[] {
  const encode = (piece: string): readonly number[] => tokenizer.encode(piece, { addSpecialTokens: false });
  const alone = encode(text);
  if (!beginsWithSpace(tokenizer, encode)) return alone;
  for (const anchor of anchors) {
    const [before, whole] = [encode(anchor), encode(anchor + text)];
    if (before.every((id, i) => whole[i] === id)) return whole.slice(before.length);
  }
  return alone;
}

/** Whether the tokenizer puts a space before what does not begin with one. */
function beginsWithSpace(tokenizer: Tokenizer, encode: (piece: string) => readonly number[]): boolean {
  const [first] = encode('a');
  return first !== undefined && /^[▁Ġ ]/u.test(tokenizer.tokenText(first));
}
