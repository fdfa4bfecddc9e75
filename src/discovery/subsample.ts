/** A diverse part of the samples: from each cluster as many as a cap allows, at random and without repetition, so that
 *  what a target rarely says is as well represented as what it says all the time. */
import { invariant } from '../base/invariant.js';
import { childKey, openStream, type StreamKey } from '../base/random.js';
import { membersByCluster } from './clusterSummaries.js';

export interface Drawn {
  readonly index: number;
  /** Probability with which the sample was drawn: weights of 1 / probability stand for all samples. */
  readonly probability: number;
}

/** @param assignment cluster of each sample
 *  @param perCluster most samples of a cluster
 *  @param stream each cluster draws from a stream of its own: what one gives does not depend on the others
 *  @returns in the order of the samples */
export function diverseSubsample(
  assignment: Iterable<number>,
  perCluster: number,
  stream: StreamKey,
): readonly Drawn[] {
  invariant(Number.isInteger(perCluster) && perCluster >= 1, 'at least one sample per cluster');
  return [...membersByCluster(assignment)]
    .flatMap(([cluster, members]) =>
      openStream(childKey(stream, cluster))
        .shuffle(members)
        .slice(0, perCluster)
        .map((index) => ({ index, probability: Math.min(1, perCluster / members.length) })),
    )
    .sort((a, b) => a.index - b.index);
}
