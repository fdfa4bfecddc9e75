import { describe, expect, it } from 'vitest';
import { streamKey } from '../base/random.js';
import { diverseSubsample } from './subsample.js';

const stream = streamKey(0, 'subsample');

describe('a diverse subsample', () => {
  it('takes at most the cap of each cluster, all of small ones, none twice, in order', () => {
    const assignment = Array.from({ length: 100 }, (_, i) => (i % 20 === 0 ? 1 : i % 50 === 1 ? 2 : 0));
    const drawn = diverseSubsample(assignment, 5, stream);
    const indices = drawn.map(({ index }) => index);
    expect(indices).toEqual([...new Set(indices)].sort((a, b) => a - b));
    const ofCluster = (cluster: number) => drawn.filter(({ index }) => assignment[index] === cluster);
    expect([0, 1, 2].map((cluster) => ofCluster(cluster).length)).toEqual([5, 5, 2]);
    // 93 samples of cluster 0; clusters 1 and 2 are taken whole.
    expect([0, 1, 2].map((cluster) => ofCluster(cluster)[0]?.probability)).toEqual([5 / 93, 1, 1]);
    expect(diverseSubsample(assignment, 5, stream)).toEqual(drawn);
  });

  it('weighted by its probabilities has the mean of all samples', () => {
    const assignment = Array.from({ length: 60 }, (_, i) => (i < 50 ? 0 : 1));
    let sum = 0;
    for (let seed = 0; seed < 400; seed++) {
      for (const { index, probability } of diverseSubsample(assignment, 10, streamKey(seed, 'subsample')))
        sum += index / probability;
    }
    // Of 0 … 59: 1,770, with a standard error of 4: 50 · 14.4 · √(0.8 / 10) / √400, rounded up to 10.2.
    expect(Math.abs(sum / 400 - 1770)).toBeLessThan(4 * 10.2);
  });

  it('of a cluster does not depend on the other clusters', () => {
    const alone = diverseSubsample(
      Array.from({ length: 30 }, () => 7),
      4,
      stream,
    );
    const beside = diverseSubsample(
      Array.from({ length: 60 }, (_, i) => (i < 30 ? 7 : 8)),
      4,
      stream,
    );
    expect(beside.slice(0, 4)).toEqual(alone);
  });
});
