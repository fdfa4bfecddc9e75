import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../base/errors.js';
import { scheduleFraction, type Schedule } from './schedules.js';

const at = (schedule: Schedule, ...steps: readonly number[]): number[] =>
  steps.map((step) => scheduleFraction(schedule, step));

describe('schedules', () => {
  it('warm-up rises linearly from the first step and reaches the full rate at its last', () => {
    expect(at({ kind: 'constant', warmupSteps: 4 }, 1, 2, 3, 4, 5, 1000)).toEqual([0.25, 0.5, 0.75, 1, 1, 1]);
    expect(at({ kind: 'constant' }, 1, 2)).toEqual([1, 1]);
  });

  it('linear decay falls evenly to the final fraction and stays there', () => {
    expect(at({ kind: 'linear', totalSteps: 4 }, 1, 2, 3, 4, 5)).toEqual([0.75, 0.5, 0.25, 0, 0]);
    expect(at({ kind: 'linear', warmupSteps: 2, totalSteps: 4, finalFraction: 0.5 }, 1, 2, 3, 4, 9)).toEqual([
      0.5, 1, 0.75, 0.5, 0.5,
    ]);
  });

  it('cosine decay is half way at half time', () => {
    const [quarter, half, end] = at({ kind: 'cosine', totalSteps: 8 }, 2, 4, 8);
    expect(quarter).toBeCloseTo((1 + Math.SQRT1_2) / 2, 12);
    expect(half).toBeCloseTo(0.5, 12);
    expect(end).toBeCloseTo(0, 12);
  });

  it('fractions stay in [0, 1], and never rise after warm-up', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('linear' as const, 'cosine' as const),
        fc.nat(20),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 100 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (kind, warmupSteps, totalSteps, step, finalFraction) => {
          const later = warmupSteps + step;
          const fractions = at({ kind, warmupSteps, totalSteps, finalFraction }, step, later, later + 1);
          for (const fraction of fractions) {
            expect(fraction).toBeGreaterThanOrEqual(0);
            expect(fraction).toBeLessThanOrEqual(1);
          }
          const [, now = NaN, next = NaN] = fractions;
          expect(next).toBeLessThanOrEqual(now + 1e-15);
        },
      ),
    );
  });

  it('refuses what is no step', () => {
    expect(() => scheduleFraction({ kind: 'constant' }, 0)).toThrow(ConfigError);
  });
});
