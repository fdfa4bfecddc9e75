/** How much of a text has been said before: BLEU against a set of references that grows, as curiosity-driven red teaming
 *  pays novelty (arXiv 2402.19464). Per n-gram only the highest count among the references is kept, so that a text costs
 *  its own length, however many came before it. */
import { invariant, present } from '../base/invariant.js';
import { brevityPenalty, splitWords } from './diversity.js';

export interface EarlierTexts {
  /** The texts that were added, in order. */
  readonly texts: () => readonly string[];
  readonly add: (texts: readonly string[]) => void;
  /** Returns the mean over n = `least` … `most` of BLEU-n (uniform weights up to n) against all added texts; 1 is a copy.
   *  Null while there are none. */
  readonly similarity: (text: string) => number | null;
}

interface Orders {
  readonly least: number;
  readonly most: number;
}

/** The paper averages these. */
const curiosityOrders: Orders = { least: 2, most: 5 };

/** @source nltk 3.9.2 sentence_bleu with SmoothingFunction().method1 (0.1 in place of an empty match count) */
export function createEarlierTexts({ least, most }: Orders = curiosityOrders): EarlierTexts {
  invariant(Number.isInteger(least) && Number.isInteger(most) && least >= 1 && most >= least, 'orders of n-grams');
  const added: string[] = [];
  const highest = Array.from({ length: most }, () => new Map<string, number>());
  const lengths = new Set<number>();
  return {
    texts: () => added,
    add: (texts) => {
      for (const text of texts) {
        const words = splitWords(text);
        lengths.add(words.length);
        highest.forEach((known, i) => {
          for (const [gram, times] of countGrams(words, i + 1)) known.set(gram, Math.max(times, known.get(gram) ?? 0));
        });
      }
      added.push(...texts);
    },
    similarity: (text) => {
      if (added.length === 0) return null;
      const words = splitWords(text);
      const logs = highest.map((known, i) => logPrecision(words, i + 1, known));
      if (logs[0] === null) return 0; // Without a common word nltk's score is zero.
      const penalty = brevityPenalty(words.length, nearestLength(words.length, lengths));
      const scores = Array.from({ length: most - least + 1 }, (_, i) => {
        const order = least + i;
        const sum = logs.slice(0, order).reduce<number>((total, log) => total + present(log, 'a precision'), 0);
        return penalty * Math.exp(sum / order);
      });
      return scores.reduce((total, score) => total + score, 0) / scores.length;
    },
  };
}

/** Returns log of the clipped n-gram precision; null for single words of which none matches. */
function logPrecision(words: readonly string[], order: number, known: ReadonlyMap<string, number>): number | null {
  let matches = 0;
  for (const [gram, times] of countGrams(words, order)) matches += Math.min(times, known.get(gram) ?? 0);
  if (order === 1 && matches === 0) return null;
  return Math.log((matches === 0 ? 0.1 : matches) / Math.max(1, words.length - order + 1));
}

function countGrams(words: readonly string[], order: number): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + order <= words.length; i++) {
    const gram = words.slice(i, i + order).join(' ');
    counts.set(gram, (counts.get(gram) ?? 0) + 1);
  }
  return counts;
}

/** Returns the length nearest to `length`; of two equally near the shorter, as in nltk. */
function nearestLength(length: number, lengths: ReadonlySet<number>): number {
  let nearest = Number.POSITIVE_INFINITY;
  for (const each of lengths) {
    const [away, best] = [Math.abs(each - length), Math.abs(nearest - length)];
    if (away < best || (away === best && each < nearest)) nearest = each;
  }
  return nearest;
}
