/** Ends a dialogue early: when one side has said one of some words, such as a farewell. A word counts where it stands by
 *  itself in what was said, never within another word, and never in a header or a role's name, which are no part of an
 *  utterance. The exchange in which it is said is whole and is the last. */
import type { Utterance } from '../types.js';

/** @param words words, phrases or marks, in any case
 *  @returns whether one of them is said in these turns */
export function saysOneOf(turns: readonly Pick<Utterance, 'text'>[], words: readonly string[]): boolean {
  const [first, ...rest] = words.map((word) => word.trim()).filter((word) => word !== '');
  if (first === undefined) return false;
  const said = new RegExp([first, ...rest].map(wholeWord).join('|'), 'iu');
  return turns.some(({ text }) => said.test(text.normalize('NFKC')));
}

/** Letters and digits bound a word only where the word itself begins or ends with one: '[END]' may stand anywhere. */
function wholeWord(word: string): string {
  const plain = word.normalize('NFKC');
  const pattern = plain
    .split(/\s+/u)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'))
    .join('\\s+');
  const before = /^[\p{L}\p{N}]/u.test(plain) ? '(?<![\\p{L}\\p{N}_])' : '';
  const after = /[\p{L}\p{N}]$/u.test(plain) ? '(?![\\p{L}\\p{N}_])' : '';
  return `${before}${pattern}${after}`;
}
