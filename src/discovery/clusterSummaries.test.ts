import { describe, expect, it } from 'vitest';
import { summariseClusters } from './clusterSummaries.js';

describe('summaries of clusters', () => {
  it('are size, nearest samples and distinctive words, the largest cluster first', () => {
    const texts = Array.from({ length: 90 }, (_, i) =>
      i % 3 === 0 ? `the cat number ${String(i)}` : `the dog number ${String(i)}`,
    );
    const assignment = Int32Array.from(texts, (text) => (text.includes('cat') ? 4 : 1));
    const distances = Float64Array.from(texts, (_, i) => Math.abs(i - 40));
    const summaries = summariseClusters(texts, { assignment, distances }, { examples: 3 });
    expect(summaries.map(({ cluster, size, examples }) => [cluster, size, examples])).toEqual([
      [1, 60, [40, 41, 38]],
      [4, 30, [39, 42, 36]],
    ]);
    expect(summaries.map(({ words }) => words.map(({ word }) => word))).toEqual([['dog'], ['cat']]);
  });

  it('of no samples are none', () => {
    expect(summariseClusters([], { assignment: new Int32Array(0), distances: new Float64Array(0) })).toEqual([]);
  });
});
