import { describe, expect, it } from 'vitest';
import { openStream, streamKey } from '../base/random.js';
import {
  choiceProbabilities,
  chooseNext,
  uniformShare,
  type ChoiceQuestion,
  type LabellingItem,
} from './chooseNext.js';

const stream = (index = 0) => openStream(streamKey(0, 'labelling', index));

/** Ninety items of a large cluster, ten of a small one. */
const items: readonly LabellingItem[] = Array.from({ length: 100 }, (_, i) => ({
  id: `s${String(i)}`,
  cluster: i < 90 ? 0 : 1,
}));
const question = (changes: Partial<ChoiceQuestion> = {}): ChoiceQuestion => ({
  strategy: 'active',
  candidates: items,
  labelled: [],
  disagreement: null,
  ...changes,
});
const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
const chanceOfCluster = (cluster: number, asked: ChoiceQuestion): number =>
  sumOf(choiceProbabilities(asked).filter((_, i) => asked.candidates[i]?.cluster === cluster));

describe('which item is labelled next', () => {
  it('a random choice gives every candidate the same probability', () => {
    const asked = question({ strategy: 'random', disagreement: new Map([['s3', 1]]) });
    expect(new Set(choiceProbabilities(asked))).toEqual(new Set([1 / 100]));
    expect(chooseNext(asked, stream())?.probability).toBe(1 / 100);
  });

  it('clusters are equally likely while none has a label, but for the uniform part', () => {
    // 0.2 of the uniform part is 0.02 for the small cluster, half of the other 0.8 is 0.4.
    expect(chanceOfCluster(1, question())).toBeCloseTo(0.2 * 0.1 + 0.8 * 0.5, 12);
  });

  it('a cluster without labels is chosen before one that has some', () => {
    const labelled = items.slice(0, 3);
    // Weights 1/4 and 1.
    expect(chanceOfCluster(1, question({ labelled }))).toBeCloseTo(0.2 * 0.1 + 0.8 * (1 / 1.25), 12);
  });

  it('items on which the ensemble disagrees are chosen more, and each keeps a part of the uniform probability', () => {
    const disagreement = new Map(items.map(({ id }) => [id, id === 's7' ? 1 : 0]));
    const probabilities = choiceProbabilities(question({ disagreement }));
    expect(probabilities[7]).toBeGreaterThan(0.4);
    expect(Math.min(...probabilities)).toBeGreaterThan(uniformShare / 100);
    expect(sumOf(probabilities)).toBeCloseTo(1, 12);
  });

  it('an item of unknown disagreement counts as the mean of the known ones', () => {
    const candidates = items.slice(0, 3).map(({ id }) => ({ id, cluster: null }));
    const disagreement = new Map([
      ['s0', 0.1],
      ['s1', 0.3],
    ]);
    const [first, second, unknown] = choiceProbabilities(question({ candidates, disagreement }));
    expect(unknown).toBeCloseTo(((first ?? 0) + (second ?? 0)) / 2, 12);
  });

  it('an ensemble that agrees everywhere, and items without clusters, leave a uniform choice', () => {
    const candidates = items.map(({ id }) => ({ id, cluster: null }));
    const disagreement = new Map(items.map(({ id }) => [id, 0]));
    expect(new Set(choiceProbabilities(question({ candidates, disagreement })))).toEqual(new Set([1 / 100]));
  });

  it('draws come as often as the probability that is kept says', () => {
    const asked = question({ labelled: items.slice(0, 3) });
    const draws = Array.from({ length: 4000 }, (_, i) => chooseNext(asked, stream(i)));
    const small = draws.filter((draw) => draw?.item.cluster === 1).length / draws.length;
    // Three standard errors of a share of about 0.66 among 4,000 are 0.022.
    expect(Math.abs(small - chanceOfCluster(1, asked))).toBeLessThan(0.022);
    // The mean of 1 / probability estimates the number of candidates.
    const estimate = sumOf(draws.map((draw) => 1 / (draw?.probability ?? 0))) / draws.length;
    expect(estimate).toBeGreaterThan(92);
    expect(estimate).toBeLessThan(108);
  });

  it('the same stream gives the same item, and nothing is chosen of nothing', () => {
    expect(chooseNext(question(), stream(5))).toEqual(chooseNext(question(), stream(5)));
    expect(chooseNext(question({ candidates: [] }), stream())).toBeNull();
  });
});
