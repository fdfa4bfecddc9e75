import { describe, expect, it } from 'vitest';
import { fillRows, planMicrobatches } from './microbatches.js';

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

describe('fillRows', () => {
  it('every item is in exactly one row, and none but a lone giant exceeds the limit', () => {
    const tokens = [10, 500, 30, 30, 20, 10, 90];
    const rows = fillRows(tokens, 100);
    expect(rows.flatMap(({ items }) => items).sort((a, b) => a - b)).toEqual(tokens.map((_, i) => i));
    for (const { items, tokens: length } of rows) {
      expect(length).toBe(items.reduce((sum, i) => sum + (tokens[i] as number), 0));
      expect(items.length === 1 || length <= 100).toBe(true);
    }
  });

  it('an item goes to the fullest row with room, longest items first', () => {
    // 60 and 50 open rows; 40 fits both and goes to the 60; 30 to the 50; 20 to what is then 80.
    expect(fillRows([20, 60, 30, 50, 40], 100)).toEqual([
      { items: [1, 4], tokens: 100 },
      { items: [3, 2, 0], tokens: 100 },
    ]);
  });
});
