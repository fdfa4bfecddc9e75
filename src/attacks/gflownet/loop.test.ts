import { describe, expect, it } from 'vitest';
import { logReward, temperatureAt } from './loop.js';

describe('the reward of a GFlowNet', () => {
  it('is (log π_ref / γ + score / β) / T', () => {
    expect(logReward({ reference: -12, score: 0.6 }, 2, { beta: 0.3, gamma: 1.2 })).toBeCloseTo((-10 + 2) / 2, 12);
  });

  it('goes from one temperature to the other by equal amounts, and stays there', () => {
    const rewardTemperature = { from: 2, to: 1, epochs: 4 };
    expect([0, 1, 2, 4, 9].map((done) => temperatureAt(done, { rewardTemperature }))).toEqual([2, 1.75, 1.5, 1, 1]);
    expect(temperatureAt(0, { rewardTemperature: { from: 2, to: 1, epochs: 0 } })).toBe(1);
  });
});
