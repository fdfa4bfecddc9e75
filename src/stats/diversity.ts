/** How varied a set of texts is: distinct n-grams (Li et al. 2016), self-BLEU (Zhu et al. 2018), duplicates. No text is
 *  ever compared with itself, so that adding a text changes nothing but what it truly adds. */
import { invariant, present } from '../base/invariant.js';
import { unitRange } from './smallSamples.js';
import { createBootstrap, type BootstrapOptions, type Summary } from './bootstrap.js';

/** Lower-case words and single punctuation marks; apostrophes stay inside words. */
export function splitWords(text: string): readonly string[] {
  return text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+(?:['’][\p{L}\p{M}\p{N}]+)*|[^\s\p{L}\p{M}\p{N}]/gu) ?? [];
}

/** Different n-grams as a share of all n-grams of the set; null when there are none. */
export function distinctShare(texts: readonly string[], n: number): number | null {
  invariant(Number.isInteger(n) && n >= 1, 'n-grams have n ≥ 1');
  const seen = new Set<string>();
  let total = 0;
  for (const text of texts) {
    for (const gram of ngramsOf(splitWords(text), n)) {
      seen.add(gram);
      total++;
    }
  }
  return total === 0 ? null : seen.size / total;
}

/** Share of texts that repeat an earlier one, by their words; null for no texts. */
export function duplicateShare(texts: readonly string[]): number | null {
  if (texts.length === 0) return null;
  const different = new Set(texts.map((text) => splitWords(text).join(' ')));
  return 1 - different.size / texts.length;
}

/** BLEU of each text against all others, in order; 1 is a copy of what is there already. Empty for fewer than two
 *  texts. Time grows with the number of words, not with its square: per n-gram only the two highest counts are kept, so
 *  that a text can be left out of its own references.
 *  @param maxOrder longest n-grams, uniform weights; default 4
 *  @source nltk 3.9.2 sentence_bleu with SmoothingFunction().method1 (0.1 in place of an empty match count) */
export function selfBleu(texts: readonly string[], maxOrder = 4): readonly number[] {
  invariant(Number.isInteger(maxOrder) && maxOrder >= 1, 'n-grams have n ≥ 1');
  if (texts.length < 2) return [];
  const words = numberWords(texts);
  const logSums = new Float64Array(words.length);
  const isUnmatched = new Uint8Array(words.length);
  let grams: readonly Int32Array[] = words;
  for (let order = 0; order < maxOrder; order++) {
    if (order > 0) grams = longerGrams(grams, words, order);
    const matches = matchesElsewhere(grams);
    for (const [text, row] of words.entries()) {
      const found = present(matches[text], 'matches of each text');
      if (order === 0 && found === 0) isUnmatched[text] = 1;
      const possible = Math.max(1, row.length - order);
      logSums[text] = (logSums[text] as number) + Math.log((found === 0 ? 0.1 : found) / possible); // In range.
    }
  }
  const penaltyOf = createBrevityPenalty(words.map((row) => row.length));
  return words.map((row, text) =>
    isUnmatched[text] === 1 ? 0 : penaltyOf(row.length) * Math.exp((logSums[text] as number) / maxOrder),
  );
}

/** Returns the words of each text as numbers, equal words as equal ones. */
function numberWords(texts: readonly string[]): readonly Int32Array[] {
  const numbers = new Map<string, number>();
  return texts.map((text) => Int32Array.from(splitWords(text), (word) => numberOf(numbers, word)));
}

/** Returns the n-grams one word longer, as numbers: of those before and of the words that follow them. */
function longerGrams(grams: readonly Int32Array[], words: readonly Int32Array[], order: number): readonly Int32Array[] {
  const base = words.reduce((most, row) => row.reduce((least, word) => Math.max(least, word), most), 0) + 1;
  const numbers = new Map<number, number>();
  return grams.map((row, text) => {
    const own = present(words[text], 'words of each text');
    return Int32Array.from({ length: Math.max(0, own.length - order) }, (_, at) =>
      numberOf(numbers, (row[at] as number) * base + (own[at + order] as number)),
    );
  });
}

function numberOf<K>(numbers: Map<K, number>, key: K): number {
  const known = numbers.get(key);
  if (known !== undefined) return known;
  numbers.set(key, numbers.size);
  return numbers.size - 1;
}

/** Returns for each text how many of its n-grams another text has, each as often as the text that has it most. Per
 *  n-gram only the two highest counts and the text of the highest are kept. */
function matchesElsewhere(grams: readonly Int32Array[]): Int32Array {
  const size = grams.reduce((most, row) => row.reduce((least, gram) => Math.max(least, gram), most), -1) + 1;
  const [highest, second] = [new Int32Array(size), new Int32Array(size)];
  const owner = new Int32Array(size).fill(-1);
  const count = new Int32Array(size);
  /** Calls `each` once for every different n-gram of a text, with its count. Indices are numbers of n-grams. */
  const eachCount = (row: Int32Array, each: (gram: number, times: number) => void): void => {
    for (const gram of row) count[gram] = (count[gram] as number) + 1;
    for (const gram of row) {
      const times = count[gram] as number;
      if (times > 0) each(gram, times);
      count[gram] = 0;
    }
  };
  for (const [text, row] of grams.entries()) {
    eachCount(row, (gram, times) => {
      if (times > (highest[gram] as number)) {
        second[gram] = highest[gram] as number;
        highest[gram] = times;
        owner[gram] = text;
      } else if (times > (second[gram] as number)) second[gram] = times;
    });
  }
  return Int32Array.from(grams, (row, text) => {
    let matches = 0;
    eachCount(row, (gram, times) => {
      matches += Math.min(times, (owner[gram] === text ? second[gram] : highest[gram]) as number);
    });
    return matches;
  });
}

/** How varied a set of texts is, as figures of a report. */
export interface Variety {
  readonly distinct1: Summary;
  readonly distinct2: Summary;
  readonly selfBleu: Summary;
  readonly duplicates: Summary;
}

/** @param textsByPrompt all texts of a prompt, one list per prompt. Only self-BLEU, a mean over texts, has an interval;
 *  a share of distinct n-grams has none, since resampling with repetition makes duplicates of its own. */
export function summariseVariety(textsByPrompt: readonly (readonly string[])[], options: BootstrapOptions): Variety {
  const texts = textsByPrompt.flat();
  const whole = (mean: number | null): Summary => ({
    mean,
    low: null,
    high: null,
    min: null,
    max: null,
    n: texts.length,
    unit: 'share',
  });
  return {
    distinct1: whole(distinctShare(texts, 1)),
    distinct2: whole(distinctShare(texts, 2)),
    selfBleu: createBootstrap(options).summarise(selfBleuByPrompt(textsByPrompt), 'BLEU', unitRange),
    duplicates: whole(duplicateShare(texts)),
  };
}

/** BLEU of each text against all others of the whole set, grouped as the texts are. */
export function selfBleuByPrompt(textsByPrompt: readonly (readonly string[])[]): readonly (readonly number[])[] {
  const bleu = selfBleu(textsByPrompt.flat());
  let at = 0;
  return textsByPrompt.map((texts) => bleu.slice(at, (at += texts.length)));
}

/** Returns the brevity penalty of a text by its length, against the other texts. */
function createBrevityPenalty(lengths: readonly number[]): (length: number) => number {
  const lengthCounts = countsOf(lengths);
  const known = new Map<number, number>();
  return (length) => {
    const penalty = known.get(length) ?? brevityPenalty(length, closestOtherLength(lengthCounts, length));
    known.set(length, penalty);
    return penalty;
  };
}

/** The length nearest to `length` among the other texts; of two equally near the shorter, as in nltk. */
function closestOtherLength(lengthCounts: ReadonlyMap<number, number>, length: number): number {
  let closest = Infinity;
  for (const [other, count] of lengthCounts) {
    if (other === length && count === 1) continue;
    const [distance, best] = [Math.abs(other - length), Math.abs(closest - length)];
    if (distance < best || (distance === best && other < closest)) closest = other;
  }
  return closest;
}

/** Returns what BLEU takes from a text of `length` words that is shorter than its reference. */
export function brevityPenalty(length: number, reference: number): number {
  if (length === 0) return 0;
  return length > reference ? 1 : Math.exp(1 - reference / length);
}

function ngramsOf(words: readonly string[], n: number): readonly string[] {
  return Array.from({ length: Math.max(0, words.length - n + 1) }, (_, i) => words.slice(i, i + n).join(' '));
}

function countsOf<T>(items: readonly T[]): ReadonlyMap<T, number> {
  const counts = new Map<T, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}
