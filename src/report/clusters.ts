/** Clusters of samples in a sentence. */
import type { ClusterReport } from './report.js';

export function clustersSentence(clusters: readonly ClusterReport[]): string {
  const sum = (of: (cluster: ClusterReport) => number): string =>
    clusters.reduce((total, cluster) => total + of(cluster), 0).toLocaleString('en');
  const sizes = clusters.map(({ size }) => size);
  return `${sum(({ size }) => size)} samples in ${String(clusters.length)} clusters of ${String(Math.min(...sizes))} to ${String(Math.max(...sizes))}; ${sum(({ kept }) => kept)} are kept for labelling. report.html shows them, covered until asked for.`;
}
