/** Figures of diversity by meaning: unique attacks, the Vendi score, and the clusters that failed replies fall into. */
import type { Summary } from '../../stats/bootstrap.js';
import { clusterByCosine, vendiScore } from '../../stats/embeddedVariety.js';
import type { Meanings } from './meanings.js';

export type MeaningMetricName =
  'diversityUniqueAttacks' | 'diversityVendi' | 'diversityVendiOfFailures' | 'diversityClustersHit';

/** @param failed the utterances whose reply failed
 *  @param failedReplies those replies
 *  @returns figures without an interval, since resampling with repetition makes nothing new; none that asks for a model
 *    which there is not */
export function summariseMeanings(
  { utterances: vectors, clusters }: Meanings,
  utterances: readonly string[],
  failed: readonly string[],
  failedReplies: readonly string[],
): Readonly<Partial<Record<MeaningMetricName, Summary>>> {
  return {
    ...(vectors === null ? {} : varietyOf(known(vectors, utterances), known(vectors, failed))),
    ...(clusters === null ? {} : { diversityClustersHit: clustersHit(known(clusters, failedReplies)) }),
  };
}

function varietyOf(
  all: readonly Float32Array[],
  failed: readonly Float32Array[],
): Readonly<Partial<Record<MeaningMetricName, Summary>>> {
  return {
    diversityVendi: plain(vendiScore(all), all.length, 'texts'),
    diversityUniqueAttacks: plain(new Set(clusterByCosine(failed)).size, failed.length, 'findings'),
    diversityVendiOfFailures: plain(vendiScore(failed), failed.length, 'texts'),
  };
}

function clustersHit(clusters: readonly number[]): Summary {
  return plain(new Set(clusters).size, clusters.length, 'clusters');
}

/** Looks texts up; blank ones mean nothing and are left out. */
function known<T>(found: ReadonlyMap<string, T>, texts: readonly string[]): readonly T[] {
  return texts.flatMap((text) => {
    const value = found.get(text);
    return value === undefined ? [] : [value];
  });
}

function plain(mean: number | null, n: number, unit: string): Summary {
  return { mean, low: null, high: null, min: null, max: null, n, unit };
}
