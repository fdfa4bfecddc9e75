/** Clusters of samples, for a reader: their size, the samples nearest to the centre, and the words that set them apart
 *  from the other clusters. Clusters without samples are left out. */
import { distinctiveWords, type DistinctiveWord } from '../stats/distinctiveWords.js';
import type { Clustering } from '../stats/kMeans.js';

export interface ClusterSummary {
  readonly cluster: number;
  readonly size: number;
  /** Indices of samples, the nearest to the centre first. */
  readonly examples: readonly number[];
  readonly words: readonly DistinctiveWord[];
}

export interface SummaryOptions {
  /** Maximum number of examples per cluster; default 5. */
  readonly examples?: number;
  /** Maximum number of words per cluster; default 10. */
  readonly words?: number;
}

/** @param texts of the samples, in the order of the clustering
 *  @returns the clusters, the largest first */
export function summariseClusters(
  texts: readonly string[],
  { assignment, distances }: Pick<Clustering, 'assignment' | 'distances'>,
  { examples = 5, words = 10 }: SummaryOptions = {},
): readonly ClusterSummary[] {
  const members = [...membersByCluster(assignment)];
  const wordsOf = distinctiveWords(
    members.map(([, indices]) => indices.map((i) => texts[i] ?? '')),
    { words },
  );
  return members
    .map(([cluster, indices], place) => ({
      cluster,
      size: indices.length,
      examples: indices
        .toSorted((a, b) => (distances[a] ?? Infinity) - (distances[b] ?? Infinity) || a - b)
        .slice(0, examples),
      words: wordsOf[place] ?? [],
    }))
    .sort((a, b) => b.size - a.size || a.cluster - b.cluster);
}

/** Returns the samples of each cluster, in order; clusters in the order of their first sample. */
export function membersByCluster(assignment: Iterable<number>): ReadonlyMap<number, readonly number[]> {
  const members = new Map<number, number[]>();
  let index = 0;
  for (const cluster of assignment) {
    const own = members.get(cluster);
    if (own === undefined) members.set(cluster, [index]);
    else own.push(index);
    index += 1;
  }
  return members;
}
