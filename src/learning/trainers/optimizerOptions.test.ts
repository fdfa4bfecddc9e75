import { describe, expect, it } from 'vitest';
import { planMicrobatches } from './microbatches.js';
import { defaultOptimizer, learningRateAt } from './optimizerOptions.js';

describe('learningRateAt', () => {
  const options = { ...defaultOptimizer, learningRate: 1, warmupSteps: 4, totalSteps: 14 };

  it('rises linearly to the full rate at the last step of warm-up', () => {
    expect([1, 2, 3, 4, 5, 1000].map((step) => learningRateAt(step, options))).toEqual([0.25, 0.5, 0.75, 1, 1, 1]);
    expect(learningRateAt(1, { ...options, warmupSteps: 0 })).toBe(1);
  });

  it('falls to zero at the last step, on a line or a cosine, and stays there', () => {
    expect([4, 9, 14, 20].map((step) => learningRateAt(step, { ...options, schedule: 'linear' }))).toEqual([1, 0.5, 0, 0]);
    const cosine = [4, 9, 14, 20].map((step) => learningRateAt(step, { ...options, schedule: 'cosine' }));
    [1, 0.5, 0, 0].forEach((rate, i) => expect(cosine[i]).toBeCloseTo(rate, 12));
  });
});

describe('planMicrobatches', () => {
  it('every item is in exactly one microbatch, and none but a lone giant exceeds the budget', () => {
    const tokens = [10, 500, 30, 30, 20, 10, 90];
    const plan = planMicrobatches(tokens, 100);
    expect(plan.flat().sort((a, b) => a - b)).toEqual(tokens.map((_, i) => i));
    for (const items of plan) {
      const longest = Math.max(...items.map((i) => tokens[i] as number));
      expect(items.length === 1 || items.length * longest <= 100).toBe(true);
    }
  });
});
