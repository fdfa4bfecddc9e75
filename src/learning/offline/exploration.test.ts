import { describe, expect, it } from 'vitest';
import { openStream, streamKey } from '../../base/random.js';
import { noisyAction, randomAction } from './exploration.js';

const stream = (name: string) => openStream(streamKey(0, name));
const length = (action: Float32Array): number => Math.hypot(...action);
const cosine = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, x, i) => sum + x * (b[i] ?? NaN), 0) / (length(a) * length(b));

describe('exploration', () => {
  it('on a sphere is as wide in any number of coordinates and at any radius, and stays on it', () => {
    for (const [width, radius] of [
      [8, 1],
      [64, 0.6],
      [128, 3],
    ] as const) {
      const space = { kind: 'sphere', radius } as const;
      const draw = stream(`sphere ${String(width)}`);
      const cosines = Array.from({ length: 200 }, () => {
        const action = randomAction(space, width, draw);
        const noisy = noisyAction(action, space, { deviation: 0.2, bound: 0.5 }, draw);
        expect(length(action)).toBeCloseTo(radius, 5);
        expect(length(noisy)).toBeCloseTo(radius, 5);
        return cosine(action, noisy);
      });
      // Noise of length ≈ 0.2 · radius across the action: 1/√(1 + 0.04). Unscaled, the cosine would be 0.53 at 64.
      const mean = cosines.reduce((sum, x) => sum + x, 0) / cosines.length;
      expect(Math.abs(mean - 0.981)).toBeLessThan(0.01);
    }
  });

  it('in a box is bounded by the clip and by the box', () => {
    const space = { kind: 'box', max: 2 } as const;
    const draw = stream('box');
    const all = Array.from({ length: 200 }, () =>
      noisyAction(Float32Array.of(0, 1.9), space, { deviation: 1, bound: 0.25 }, draw),
    );
    expect(Math.max(...all.map(([x = NaN]) => Math.abs(x)))).toBe(0.5);
    expect(Math.max(...all.map(([, y = NaN]) => y))).toBe(2);
    expect(randomAction(space, 1000, draw).every((x) => Math.abs(x) < 2)).toBe(true);
    expect(randomAction(space, 1000, draw).some((x) => Math.abs(x) > 1.9)).toBe(true);
  });
});
