/** Words that one group of texts uses more than the other groups: the log-odds ratio of a word between the group and the
 *  rest, with an informative Dirichlet prior from all texts, divided by its standard error. The prior keeps rare words
 *  from the top, the error makes ratios of common and rare words comparable.
 *  @source B. Monroe, M. Colaresi and K. Quinn, Fightin' Words, Political Analysis 16 (2008), eqs. 16, 20, 22, 23 */
import { invariant } from '../base/invariant.js';
import { splitWords } from './diversity.js';

export interface DistinctiveWord {
  readonly word: string;
  /** Log-odds ratio in standard errors; above 1.96 a single word differs from the rest at 95%. */
  readonly zScore: number;
  /** How often the group has it. */
  readonly count: number;
}

export interface DistinctiveOptions {
  /** Maximum number of words per group; default 10. */
  readonly words?: number;
  /** Weight of the prior, in words; default 500, as in the paper. */
  readonly priorWords?: number;
  /** Words of a lower score are left out; default 1.96. */
  readonly minZScore?: number;
}

/** @param groups the texts of each group
 *  @returns per group its most distinctive words, the most distinctive first; ties by the alphabet */
export function distinctiveWords(
  groups: readonly (readonly string[])[],
  { words: limit = 10, priorWords = 500, minZScore = 1.96 }: DistinctiveOptions = {},
): readonly (readonly DistinctiveWord[])[] {
  invariant(priorWords > 0, 'a prior has a weight');
  const counts = groups.map(countWords);
  const all = new Map<string, number>();
  for (const group of counts) for (const [word, count] of group) all.set(word, (all.get(word) ?? 0) + count);
  const totalOf = (words: ReadonlyMap<string, number>): number => [...words.values()].reduce((sum, n) => sum + n, 0);
  const total = totalOf(all);
  return counts.map((group) => {
    const size = totalOf(group);
    const rest = total - size;
    const scored = [...group].map(([word, count]): DistinctiveWord => {
      const everywhere = all.get(word) ?? count;
      const prior = (priorWords * everywhere) / total;
      const [here, there] = [count + prior, everywhere - count + prior];
      const ratio = Math.log(here / (size + priorWords - here)) - Math.log(there / (rest + priorWords - there));
      return { word, zScore: ratio / Math.sqrt(1 / here + 1 / there), count };
    });
    return scored
      .filter(({ zScore }) => zScore >= minZScore)
      .sort((a, b) => b.zScore - a.zScore || (a.word < b.word ? -1 : 1))
      .slice(0, limit);
  });
}

/** Counts words, without punctuation. */
function countWords(texts: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of splitWords(text)) {
      if (/[\p{L}\p{N}]/u.test(word)) counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return counts;
}
