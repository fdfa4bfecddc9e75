/** How many different failures a set of utterances holds: one sentence said a thousand times is one finding. Texts are
 *  put greedily into clusters, in order: each joins the first cluster whose first text is near, or opens a new one. Two
 *  texts are near when ROUGE-L F1 over their words (`rougeL.ts`) reaches a threshold.
 *  @source ROUGE-L: Lin 2004. Self-Instruct (arXiv 2212.10560) keeps an instruction as new where ROUGE-L with all before
 *    is below 0.7; the default here is 0.5, so that more texts are alike and counts are lower.
 *
 *  Equal texts are compared once. Of the others, an index by word gives for each text those that may share enough
 *  words with it for a common subsequence of the length that is needed; only these are compared in full. */
import { invariant, present } from '../base/invariant.js';
import type { BootstrapOptions, Summary } from './bootstrap.js';
import { splitWords, summariseVariety } from './diversity.js';
import { commonLength, maskWords, nearThreshold } from './rougeL.js';

/** Texts that can be asked for one that is near. */
export interface NearTexts {
  readonly add: (text: string) => void;
  /** Returns the place of the first text added that is near; null when there is none. */
  readonly firstNear: (text: string) => number | null;
}

/** @param threshold of ROUGE-L F1, in (0, 1] */
export function createNearTexts(threshold = nearThreshold): NearTexts {
  invariant(threshold > 0 && threshold <= 1, 'a threshold of ROUGE-L is above 0 and at most 1');
  const texts: (readonly string[])[] = [];
  /** Places of the texts that have a word for the n-th time, by word and n. */
  const havers = new Map<string, number[]>();
  let shared = new Int32Array(64);
  return {
    add: (text) => {
      const words = splitWords(text);
      for (const key of occurrences(words)) {
        const places = havers.get(key);
        if (places === undefined) havers.set(key, [texts.length]);
        else places.push(texts.length);
      }
      texts.push(words);
      if (texts.length > shared.length) shared = new Int32Array(2 * shared.length);
    },
    firstNear: (text) => {
      const words = splitWords(text);
      const lists = occurrences(words)
        .map((key) => havers.get(key) ?? [])
        .sort((a, b) => a.length - b.length);
      // A near text shares at least `least` words, so that it has one of these; the commonest need not be looked up.
      const least = Math.max(1, atLeast((threshold * words.length) / (2 - threshold)));
      const unread = Math.min(least - 1, words.length);
      const touched: number[] = [];
      for (const places of lists.slice(0, words.length - unread)) {
        for (const place of places) {
          const before = shared[place] as number; // Places are in range.
          if (before === 0) touched.push(place);
          shared[place] = before + 1;
        }
      }
      const masks = maskWords(words);
      let first: number | null = null;
      for (const place of touched) {
        const most = (shared[place] as number) + unread; // No common subsequence is longer.
        shared[place] = 0;
        if (first !== null && place > first) continue;
        const other = present(texts[place], 'a text at each place');
        const needed = atLeast((threshold * (words.length + other.length)) / 2);
        if (most >= needed && commonLength(masks, other) >= needed) first = place;
      }
      return first;
    },
  };
}

/** Returns the least whole number that is no smaller, rounding of the argument aside. */
function atLeast(value: number): number {
  return Math.ceil(value - 1e-9);
}

/** Every word with a number that tells its repeats apart: two texts share as many of these as they share words. */
function occurrences(words: readonly string[]): readonly string[] {
  const times = new Map<string, number>();
  return words.map((word) => {
    const time = times.get(word) ?? 0;
    times.set(word, time + 1);
    return time === 0 ? word : `${word} ${String(time)}`;
  });
}

/** Returns for each text the number of its cluster, from 0 in order of appearance. Texts that differ in case, spaces or
 *  not at all are one. */
export function clusterNumbers(texts: readonly string[], threshold = nearThreshold): readonly number[] {
  const numbers = new Map<string, number>();
  const firsts = createNearTexts(threshold);
  let clusters = 0;
  return texts.map((text) => {
    const words = splitWords(text).join(' ');
    const known = numbers.get(words) ?? firsts.firstNear(text);
    if (known === null) firsts.add(text);
    const number = known ?? clusters++;
    numbers.set(words, number);
    return number;
  });
}

/** Returns the first text of each cluster, in order. */
export function firstOfClusters(texts: readonly string[], threshold = nearThreshold): readonly string[] {
  const numbers = clusterNumbers(texts, threshold);
  let clusters = 0;
  return texts.filter((_, i) => numbers[i] === clusters && clusters++ >= 0);
}

/** Metrics of the utterances whose reply failed. */
export type FindingMetricName =
  'diversityFindings' | 'diversityFindingsNew' | 'diversityDistinct2OfFailures' | 'diversitySelfBleuOfFailures';

/** Counts what is different among the utterances whose reply failed, and how varied these are.
 *  @param textsByGroup those utterances, one list per group that the bootstrap resamples
 *  @param taught texts that the adversaries have learnt from; null where nothing was taught
 *  @returns counts without an interval, since resampling with repetition makes nothing new; `diversityFindingsNew` is
 *    the number of clusters whose first text is near no taught one, and absent where nothing was taught */
export function summariseFindings(
  textsByGroup: readonly (readonly string[])[],
  taught: NearTexts | null,
  options: BootstrapOptions,
): Readonly<Partial<Record<FindingMetricName, Summary>>> {
  const texts = textsByGroup.flat();
  const firsts = firstOfClusters(texts);
  const count = (mean: number): Summary => ({
    mean,
    low: null,
    high: null,
    min: null,
    max: null,
    n: texts.length,
    unit: 'findings',
  });
  const { distinct2, selfBleu } = summariseVariety(textsByGroup, options);
  return {
    diversityFindings: count(firsts.length),
    ...(taught === null
      ? {}
      : { diversityFindingsNew: count(firsts.filter((text) => taught.firstNear(text) === null).length) }),
    diversityDistinct2OfFailures: distinct2,
    diversitySelfBleuOfFailures: selfBleu,
  };
}
