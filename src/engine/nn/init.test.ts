import { describe, expect, it } from 'vitest';
import { initialValues, normal, ones, zeros } from './init.js';

describe('initial weights', () => {
  it('are the same for the same seed and name, others for others', () => {
    const draw = (seed: number, name: string): Float32Array => initialValues(normal(0.02), 8, { seed, name });
    expect(draw(0, 'a')).toEqual(draw(0, 'a'));
    expect(draw(1, 'a')).not.toEqual(draw(0, 'a'));
    expect(draw(0, 'b')).not.toEqual(draw(0, 'a'));
  });

  it('have the mean and deviation asked for', () => {
    const values = initialValues(normal(0.02), 20_000, { seed: 3, name: 'w' });
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);
    // Four standard errors: 0.02/√20000 and 0.02/√40000.
    expect(Math.abs(mean)).toBeLessThan(4 * 1.4e-4);
    expect(Math.abs(deviation - 0.02)).toBeLessThan(4 * 1e-4);
  });

  it('of biases are zeros, of gains ones', () => {
    expect([
      ...initialValues(zeros, 2, { seed: 0, name: 'x' }),
      ...initialValues(ones, 2, { seed: 0, name: 'x' }),
    ]).toEqual([0, 0, 1, 1]);
  });
});
