import { describe, expect, it } from 'vitest';
import { openStream, streamKey } from '../base/random.js';
import { clopperPearsonHigh } from './clopperPearson.js';
import { estimateProbability, mixtureWeight, type WeightedDraw } from './estimateProbability.js';

const stream = streamKey(0, 'estimate');

/** Ordinary dialogues: `events` of n. */
function ordinary(events: number, n: number): WeightedDraw[] {
  return Array.from({ length: n }, (_, i) => ({
    opening: String(i),
    weight: 1,
    isTilted: false,
    event: Number(i % Math.floor(n / Math.max(1, events)) === 0 && i < events * Math.floor(n / Math.max(1, events))),
  }));
}

describe('weights of the mixture', () => {
  it('are at most 1/α, 1 where both models say the same, and 0 where ordinary dialogues cannot be so', () => {
    const weight = (logRatio: number) => mixtureWeight(0.2, [{ share: 0.8, logRatio }]);
    expect(weight(-Infinity)).toBeCloseTo(5, 12);
    expect(weight(0)).toBeCloseTo(1, 12);
    expect(weight(Infinity)).toBe(0);
    expect(weight(Math.log(2))).toBeCloseTo(1 / 1.8, 12);
    expect(mixtureWeight(1, [])).toBe(1);
  });
});

describe('an estimate', () => {
  it('of ordinary dialogues alone is their share, and as sure as they are', () => {
    const estimate = estimateProbability(ordinary(200, 2000), { plainShare: 1, stream });
    expect(estimate.mean).toBeCloseTo(0.1, 12);
    expect(estimate.plainEquivalent).toBeCloseTo(1999, 6); // n − 1: the variance is unbiased.
    expect(estimate.effectiveSampleSize).toBeCloseTo(200, 9);
    expect(estimate.meanWeight).toBe(1);
    expect(estimate.tiltedShare).toBe(0);
    expect(estimate.guaranteedHigh).toBeGreaterThan(clopperPearsonHigh(200, 2000));
    expect(estimate.low).toBeGreaterThan(0.085);
    expect(estimate.high).toBeLessThan(0.115);
  });

  it('has no practical interval below an effective sample size of 100, but always the guaranteed bound', () => {
    const estimate = estimateProbability(ordinary(0, 1000), { plainShare: 0.5, stream });
    expect(estimate).toMatchObject({
      mean: 0,
      low: null,
      high: null,
      effectiveSampleSize: null,
      plainEquivalent: null,
    });
    // Half of the dialogues are ordinary: as many zeros bound half of the probability.
    expect(estimate.guaranteedHigh).toBeLessThanOrEqual((1 - 0.025 ** (1 / 1000)) / 0.5 + 1e-9);
  });

  it('counts unscored dialogues as no events at the low end and as events in both high ones', () => {
    const draws = ordinary(300, 2000);
    const unscored = draws.map((draw, i) => (i % 20 === 1 ? { ...draw, event: null } : draw));
    const whole = estimateProbability(draws, { plainShare: 1, stream });
    const partial = estimateProbability(unscored, { plainShare: 1, stream });
    expect(partial.unscored).toBe(100);
    expect(partial.guaranteedHigh - whole.guaranteedHigh).toBeGreaterThan(0.04);
    expect((partial.high ?? 0) - (whole.high ?? 0)).toBeGreaterThan(0.04);
    expect(partial.low ?? 1).toBeLessThanOrEqual(whole.low ?? 0);
    expect(partial.mean).toBeCloseTo(300 / 1900, 12);
  });

  it('takes dialogues of one opening together', () => {
    const draws = ordinary(200, 2000);
    // The same events, but in whole openings of ten dialogues.
    const together = draws.map((draw, i) => ({ ...draw, opening: String(Math.floor(i / 10)), event: Number(i < 200) }));
    const apart = estimateProbability(draws, { plainShare: 1, stream });
    const estimate = estimateProbability(together, { plainShare: 1, stream });
    expect(estimate.openings).toBe(200);
    expect(estimate.mean).toBeCloseTo(0.1, 12);
    expect(estimate.guaranteedHigh).toBeGreaterThan(apart.guaranteedHigh);
    expect(estimate.plainEquivalent).toBeLessThan(250);
  });

  it('of a share, such as failed replies, has the variance of that share', () => {
    const draws = ordinary(0, 1000).map((draw, i) => ({ ...draw, event: i % 2 === 0 ? 1 / 3 : 0 }));
    expect(estimateProbability(draws, { plainShare: 1, stream }).plainEquivalent).toBeCloseTo(999, 6);
  });
});

/** Three sentences, two of which are the event: an ordinary user says one of these in one of 1,000 dialogues, a tilted
 *  one in most. */
const sentences = [
  { event: 0, ordinary: 0.999, tilted: 0.4 },
  { event: 1, ordinary: 0.0007, tilted: 0.5 },
  { event: 1, ordinary: 0.0003, tilted: 0.1 },
] as const;

function drawSentences(draw: () => number, n: number, plainShare: number): WeightedDraw[] {
  return Array.from({ length: n }, (_, i) => {
    const isTilted = draw() >= plainShare;
    let left = draw();
    const said =
      sentences.find((sentence) => {
        left -= isTilted ? sentence.tilted : sentence.ordinary;
        return left < 0;
      }) ?? sentences[0];
    const logRatio = Math.log(said.tilted / said.ordinary);
    const weight = mixtureWeight(plainShare, [{ share: 1 - plainShare, logRatio }]);
    return { opening: String(i), weight, isTilted, event: said.event };
  });
}

describe('tilted dialogues', () => {
  it('give the ordinary probability, with an interval that 1,000 ordinary dialogues could not', () => {
    const { uniform } = openStream(streamKey(3, 'draws'));
    const estimate = estimateProbability(drawSentences(uniform, 1000, 0.2), { plainShare: 0.2, stream });
    expect(estimate.mean).toBeGreaterThan(0.0009);
    expect(estimate.mean).toBeLessThan(0.0011);
    expect(estimate.low).toBeLessThan(0.001);
    expect(estimate.high).toBeGreaterThan(0.001);
    // Ordinary dialogues would have to be 500 times as many.
    expect(estimate.plainEquivalent).toBeGreaterThan(500_000);
    expect(estimate.tiltedShare).toBeGreaterThan(0.95);
    // The bound cannot be as low: it does not trust that the tilted draws reach everything.
    expect(estimate.guaranteedHigh).toBeGreaterThan(Math.log(20) / (0.2 * 1000));
  });

  it('have intervals that cover in at least 93% of 400 samples, and a bound that holds in 95%', () => {
    const { uniform } = openStream(streamKey(4, 'coverage'));
    let [covered, held] = [0, 0];
    for (let k = 0; k < 400; k++) {
      const { low, high, guaranteedHigh } = estimateProbability(drawSentences(uniform, 500, 0.3), {
        plainShare: 0.3,
        stream,
      });
      if (low !== null && high !== null && low <= 0.001 && high >= 0.001) covered++;
      if (guaranteedHigh >= 0.001) held++;
    }
    expect(covered / 400).toBeGreaterThanOrEqual(0.93);
    expect(held / 400).toBeGreaterThanOrEqual(0.95);
  });

  it('have no interval where one ordinary dialogue carries more than a twentieth of the figure', () => {
    const tilted = Array.from({ length: 400 }, (_, i) => ({
      opening: `tilted-${String(i)}`,
      weight: 0.2,
      isTilted: true,
      event: 1,
    }));
    const heavy = { opening: 'heavy', weight: 5, isTilted: false, event: 1 };
    const without = estimateProbability(tilted, { plainShare: 0.2, stream });
    const estimate = estimateProbability([...tilted, heavy], { plainShare: 0.2, stream });
    expect(without.low).not.toBeNull();
    expect(estimate.effectiveSampleSize).toBeGreaterThan(100);
    expect(estimate).toMatchObject({ low: null, high: null });
  });

  it('miss what they do not reach: the interval does not cover, the bound does', () => {
    const { uniform } = openStream(streamKey(5, 'missed'));
    // As many ordinary dialogues fail otherwise, in a way that no tilted one does.
    const plainShare = 0.1;
    const draws = drawSentences(uniform, 4000, plainShare).map((draw) =>
      draw.event === 0 && !draw.isTilted && uniform() < 0.00025 ? { ...draw, weight: 1 / plainShare, event: 1 } : draw,
    );
    const truth = 0.00125;
    const estimate = estimateProbability(draws, { plainShare, stream });
    expect(estimate.guaranteedHigh).toBeGreaterThan(truth);
    expect(estimate.meanWeight).toBeGreaterThan(0.9);
  });
});
