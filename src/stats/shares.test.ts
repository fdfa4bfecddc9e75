import { describe, expect, it } from 'vitest';
import { normalQuantile, wilson } from './wilson.js';

describe('Wilson interval', () => {
  it('of 0 of 10 is [0, z²/(n + z²)] = [0, 0.2775]', () => {
    const z2 = 1.959963984540054 ** 2;
    expect(wilson(0, 10)).toMatchObject({ share: 0, low: 0, n: 10 });
    expect(wilson(0, 10).high).toBeCloseTo(z2 / (10 + z2), 8);
  });

  it('of 5 of 10 is [0.2366, 0.7634], symmetric', () => {
    const { low, high } = wilson(5, 10);
    expect(low).toBeCloseTo(0.2366, 4);
    expect(low + high).toBeCloseTo(1, 12);
  });

  it('of n of n ends at exactly 1, and contains the share', () => {
    for (const [k, n] of [
      [7, 7],
      [1, 1],
      [3, 200],
      [199, 200],
    ] as const) {
      const { low, high, share } = wilson(k, n);
      expect(low).toBeLessThanOrEqual(share);
      expect(high).toBeGreaterThanOrEqual(share);
      expect(high).toBeLessThanOrEqual(1);
    }
    expect(wilson(7, 7).high).toBe(1);
  });

  it('uses the normal quantiles 1.281552, 1.959964, 2.575829 and their mirror images', () => {
    for (const [p, z] of [
      [0.9, 1.2815515655],
      [0.975, 1.9599639845],
      [0.995, 2.5758293035],
      [0.001, -3.0902323062],
    ] as const) {
      expect(normalQuantile(p)).toBeCloseTo(z, 7);
      expect(normalQuantile(1 - p)).toBeCloseTo(-z, 7);
    }
    expect(normalQuantile(0.5)).toBeCloseTo(0, 12);
  });
});
