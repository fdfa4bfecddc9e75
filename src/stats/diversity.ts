/** How varied a set of texts is: distinct n-grams (Li et al. 2016), self-BLEU (Zhu et al. 2018), duplicates. No text is
 *  ever compared with itself, so that adding a text changes nothing but what it truly adds. */
import { invariant, present } from '../base/invariant.js';
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
  const words = texts.map(splitWords);
  const orders = Array.from({ length: maxOrder }, (_, i) => i + 1);
  const counts = orders.map((n) => words.map((row) => countsOf(ngramsOf(row, n))));
  const highest = counts.map(highestCounts);
  const lengths = words.map((row) => row.length);
  const lengthCounts = countsOf(lengths);
  return words.map((row, text) => {
    let logSum = 0;
    for (const order of orders.keys()) {
      const own = present(counts[order]?.[text], 'counts of each text and order');
      const tops = present(highest[order], 'counts of each order');
      let matches = 0;
      for (const [gram, count] of own) matches += Math.min(count, countElsewhere(tops, gram, text));
      if (order === 0 && matches === 0) return 0;
      const possible = Math.max(1, row.length - order);
      logSum += Math.log((matches === 0 ? 0.1 : matches) / possible);
    }
    return brevityPenalty(row.length, closestOtherLength(lengthCounts, row.length)) * Math.exp(logSum / maxOrder);
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
    selfBleu: createBootstrap(options).summarise(selfBleuByPrompt(textsByPrompt), 'BLEU'),
    duplicates: whole(duplicateShare(texts)),
  };
}

/** BLEU of each text against all others of the whole set, grouped as the texts are. */
export function selfBleuByPrompt(textsByPrompt: readonly (readonly string[])[]): readonly (readonly number[])[] {
  const bleu = selfBleu(textsByPrompt.flat());
  let at = 0;
  return textsByPrompt.map((texts) => bleu.slice(at, (at += texts.length)));
}

/** The two highest counts of an n-gram in one text, and which text has the highest. */
interface TopCounts {
  highest: number;
  owner: number;
  second: number;
}

function highestCounts(byText: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, TopCounts> {
  const tops = new Map<string, TopCounts>();
  for (const [text, counts] of byText.entries()) {
    for (const [gram, count] of counts) {
      const top = tops.get(gram);
      if (top === undefined) tops.set(gram, { highest: count, owner: text, second: 0 });
      else if (count > top.highest) Object.assign(top, { highest: count, owner: text, second: top.highest });
      else top.second = Math.max(top.second, count);
    }
  }
  return tops;
}

function countElsewhere(tops: ReadonlyMap<string, TopCounts>, gram: string, text: number): number {
  const top = present(tops.get(gram), 'counts of each n-gram');
  return top.owner === text ? top.second : top.highest;
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

function brevityPenalty(length: number, reference: number): number {
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
