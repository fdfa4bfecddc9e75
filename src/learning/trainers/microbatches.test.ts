import { describe, expect, it } from 'vitest';
import { planMicrobatches } from './microbatches.js';

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
