/** The first sentence of what a model said. A sentence ends at . ! ? … with what closes quotes and brackets, where a space
 *  and something other than a small letter follow, or nothing; at 。！？ in any case. A full stop after an abbreviation, an
 *  initial, or a number that begins the text ends none.
 *
 *  The reference code of explore–establish–exploit splits with nltk's punkt and glues a part that does not begin with an
 *  ASCII capital to the one before without a space; here such parts stay apart by their space. English rules. */

export interface Sentence {
  readonly text: string;
  /** Whether the text had its end; a sentence that generation cut off has none. */
  readonly isEnded: boolean;
}

/** After these comes a name or another part of the sentence, whatever its first letter. */
const abbreviations = new Set(
  'mr mrs ms mx dr prof rev hon st mt gen col sgt capt lt gov sen rep pres vs cf eg ie e.g i.e'.split(' '),
);
/** These are abbreviations where a number follows. */
const beforeNumbers = new Set('no nos fig vol pp ca jan feb mar apr jun jul aug sep sept oct nov dec'.split(' '));

/** Spaces of every kind become one space each; those at the ends go. */
export function joinLines(text: string): string {
  return text.replace(/\s+/gu, ' ').trim();
}

/** @param text may hold line breaks, which are spaces here
 *  @returns an empty, unended sentence for a blank text */
export function firstSentence(text: string): Sentence {
  const line = joinLines(text);
  for (const { 0: mark, index } of line.matchAll(/[.!?…]+["'”’»)\]]*(?= |$)|[。！？]+[」』”’）]*/gu)) {
    const end = index + mark.length;
    if (isEnd(line, index, mark, end)) return { text: line.slice(0, end), isEnded: true };
  }
  return { text: line, isEnded: false };
}

function isEnd(line: string, start: number, mark: string, end: number): boolean {
  const next = line.slice(end).trimStart();
  if (next === '' || /^[。！？]/u.test(mark)) return true;
  if (/^["'“‘«([]*\p{Ll}/u.test(next)) return false;
  if (mark !== '.') return true;
  const before = line.slice(0, start);
  const word = /[\p{L}\p{N}.]+$/u.exec(before)?.[0] ?? '';
  const isInitial = /^\p{Lu}$/u.test(word) && word !== 'I';
  const isListNumber = word === before && /^\p{N}+$/u.test(word);
  const lower = word.toLowerCase();
  const isShort = abbreviations.has(lower) || (beforeNumbers.has(lower) && /^\p{N}/u.test(next));
  return !isInitial && !isListNumber && !isShort;
}
