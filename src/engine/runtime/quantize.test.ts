import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openStream, streamKey } from '../../base/random.js';
import { quantizeColumns } from './quantize.js';

describe('weights in 8 bits', () => {
  const sizes = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 80 }));

  it('no element is farther off than half a step, in either layout', () => {
    fc.assert(
      fc.property(sizes, fc.boolean(), fc.nat(), ([K, N], isTransposed, seed) => {
        const draw = openStream(streamKey(seed, 'weights'));
        const weight = Float32Array.from({ length: K * N }, () => draw.normal() * 10 ** draw.integer(4));
        const { data, steps } = quantizeColumns(weight, [K, N], isTransposed);
        for (let k = 0; k < K; k++) {
          for (let n = 0; n < N; n++) {
            const exact = weight[isTransposed ? n * K + k : k * N + n] ?? NaN;
            const step = steps[n] ?? NaN;
            expect(Math.abs(((data[k * N + n] ?? NaN) - 128) * step - exact)).toBeLessThanOrEqual(step * 0.5001);
          }
        }
      }),
    );
  });

  it('the largest magnitude of a column is exact, and a column of zeros stays one', () => {
    const { data, steps } = quantizeColumns(Float32Array.of(-4, 0, 1, 0), [2, 2], false);
    expect([...data]).toEqual([1, 128, 160, 128]);
    expect([...steps]).toEqual([Math.fround(4 / 127), 0]);
  });
});
