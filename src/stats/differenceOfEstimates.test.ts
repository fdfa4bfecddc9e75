import { describe, expect, it } from 'vitest';
import { differenceOfEstimates } from './differenceOfEstimates.js';

describe('the difference of two estimates', () => {
  it('adds the halves of intervals that point apart, as squares', () => {
    // low: 0.2 − √(0.03² + 0.04²) = 0.15; high: 0.2 + √(0.05² + 0.12²) = 0.33
    const { mean, low, high } = differenceOfEstimates(
      { mean: 0.3, low: 0.18, high: 0.34 },
      { mean: 0.5, low: 0.47, high: 0.55 },
    );
    expect([mean, low, high].map((value) => value.toFixed(12))).toEqual([
      '0.200000000000',
      '0.150000000000',
      '0.330000000000',
    ]);
  });

  it('of an estimate without spread keeps the interval of the other', () => {
    const exact = { mean: 1, low: 1, high: 1 };
    expect(differenceOfEstimates(exact, { mean: 2, low: 1.5, high: 4 })).toEqual({ mean: 1, low: 0.5, high: 3 });
  });
});
