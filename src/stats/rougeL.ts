/** ROUGE-L (Lin 2004): how alike two texts are by their words, from the longest common subsequence of these. */
import { present } from '../base/invariant.js';
import { splitWords } from './diversity.js';

/** Texts at or above this ROUGE-L F1 are near each other. */
export const nearThreshold = 0.5;

/** Returns for each text the share of the other texts that are near it, in [0, 1], in order; 0 for a text alone. Equal
 *  texts are compared once, so that time grows with the square of the different ones. */
export function nearShares(texts: readonly string[], threshold = nearThreshold): readonly number[] {
  const different: { readonly words: readonly string[]; count: number }[] = [];
  const places = new Map<string, number>();
  const placeOf = texts.map((text) => {
    const words = splitWords(text);
    const key = words.join(' ');
    const place = places.get(key) ?? different.push({ words, count: 0 }) - 1;
    places.set(key, place);
    present(different[place], 'a place for each text').count++;
    return place;
  });
  const near = different.map((one) => {
    const masks = maskWords(one.words);
    return different.reduce((count, other) => {
      if (other === one) return count + one.count - 1;
      const length = one.words.length + other.words.length;
      return 2 * commonLength(masks, other.words) >= threshold * length ? count + other.count : count;
    }, 0);
  });
  return placeOf.map((place) => present(near[place], 'a count for each place') / Math.max(1, texts.length - 1));
}

/** The places of every word of a text as bits, 32 to a number. */
export interface WordMasks {
  readonly length: number;
  readonly of: ReadonlyMap<string, Uint32Array>;
}

export function maskWords(words: readonly string[]): WordMasks {
  const of = new Map<string, Uint32Array>();
  for (const [i, word] of words.entries()) {
    const mask = of.get(word) ?? new Uint32Array(Math.ceil(words.length / 32));
    mask[i >>> 5] = (mask[i >>> 5] as number) | (1 << (i & 31)); // In range.
    of.set(word, mask);
  }
  return { length: words.length, of };
}

/** Returns the length of the longest common subsequence, a row of the table at once as bits. A bit is zero where the
 *  subsequence grows.
 *  @source H. Hyyrö, Bit-parallel LCS-length computation revisited, 2004 */
export function commonLength({ length, of }: WordMasks, other: readonly string[]): number {
  const row = new Uint32Array(Math.ceil(length / 32)).fill(0xffffffff);
  for (const word of other) {
    const mask = of.get(word);
    if (mask === undefined) continue;
    let carry = 0;
    for (let k = 0; k < row.length; k++) {
      const [bits, places] = [row[k] as number, mask[k] as number]; // In range.
      const sum = bits + ((bits & places) >>> 0) + carry;
      carry = sum > 0xffffffff ? 1 : 0;
      row[k] = sum | (bits & ~places);
    }
  }
  return row.reduce((zeros, bits, k) => zeros + ones(~bits & (k < length >>> 5 ? -1 : (1 << (length & 31)) - 1)), 0);
}

/** Returns the number of bits of a 32-bit number that are one. */
function ones(bits: number): number {
  const pairs = bits - ((bits >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
