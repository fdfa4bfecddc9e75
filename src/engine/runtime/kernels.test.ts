import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openStream, streamKey } from '../../base/random.js';
import { adamwCoefficients, clipFactor } from './adamwCoefficients.js';
import { kernelsOver } from './kernels.js';
import { peakBlock } from './samplingKernels.js';
import { adamwReference, sumOfSquaresReference } from './testing/referenceKernels.js';

const memory = new WebAssembly.Memory({ initial: 4 });
const kernels = kernelsOver(memory);
const view = (address: number, length: number): Float32Array => new Float32Array(memory.buffer, address, length);

function normals(name: string, length: number): Float32Array {
  const stream = openStream(streamKey(1, name));
  return Float32Array.from({ length }, () => stream.normal());
}

describe('wasm kernels', () => {
  it.each([0, 1, 3, 4, 7, 64, 1001])(
    'AdamW over %i elements is the reference, bit for bit, and zeroes the gradient',
    (length) => {
      const addresses = [0, 16384, 32768, 49152] as const;
      const values = addresses.map((_, index) =>
        normals(`adamw ${String(index)}`, length).map((x) => (index === 3 ? x * x : x)),
      );
      const expected = values.map((each) => each.slice());
      values.forEach((each, index) => view(addresses[index] ?? 0, length).set(each));
      const after = view(16384 + length * 4, 1);
      after[0] = 7;
      const rates = { step: 3, learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 };
      const c = adamwCoefficients(rates, 0.5, true);
      kernels.adamw(
        ...addresses,
        length,
        c.gradientScale,
        c.keep,
        c.oneMinusBeta1,
        c.beta2,
        c.oneMinusBeta2,
        c.negativeStepSize,
        c.epsilon,
      );
      const [p, g, m, v] = expected as [Float32Array, Float32Array, Float32Array, Float32Array];
      adamwReference(p, g, m, v, c);
      expected.forEach((each, index) => expect(view(addresses[index] ?? 0, length)).toEqual(each));
      expect(after[0]).toBe(7);
    },
  );

  it('sum of squares keeps double precision over any length', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e10, max: 1e10 }), { maxLength: 100 }),
        (values) => {
          view(0, values.length).set(values);
          const expected = sumOfSquaresReference(Float32Array.from(values));
          expect(Math.abs(kernels.sumOfSquares(0, values.length) - expected)).toBeLessThanOrEqual(1e-12 * expected);
        },
      ),
    );
  });

  it('add adds elementwise and touches nothing behind the end', () => {
    view(0, 8).set([1, 2, 3, 4, 5, 6, 7, 8]);
    view(64, 8).fill(10);
    kernels.add(0, 64, 7);
    expect([...view(0, 8)]).toEqual([11, 12, 13, 14, 15, 16, 17, 8]);
  });

  it('exponentials are within 2e-7 of Math.exp, exactly 0 far below, and sum in double precision', () => {
    // Step 0.0013 over [−90, 0]: every binary exponent, all parts of the reduced interval.
    const x = Float32Array.from({ length: 16384 }, (_, i) => -i * 0.0055);
    view(0, x.length).set(x);
    const sum = kernels.exponentials(0, 65536, x.length, 0, 1);
    let expectedSum = 0;
    view(65536, x.length).forEach((y, i) => {
      const wanted = (x[i] ?? 0) < -87 ? 0 : Math.exp(x[i] ?? 0);
      expectedSum += y;
      expect(Math.abs(y - wanted)).toBeLessThanOrEqual(2e-7 * wanted);
    });
    expect(Math.abs(sum - expectedSum) / expectedSum).toBeLessThan(1e-14);
    view(0, 4).set([-Infinity, 0, 2, -1]);
    kernels.exponentials(0, 64, 4, 2, 0.5);
    expect(view(64, 1)[0]).toBe(0);
    expect(view(64, 4)[2]).toBe(1);
    expect(view(64, 4)[1]).toBeCloseTo(Math.exp(-1), 6);
  });

  it('peaks: of each block the largest of every fourth element, and NaN for what is not finite', () => {
    const values = normals('peaks', 3 * peakBlock);
    view(0, values.length).set(values);
    expect(kernels.peaks(0, values.length, 4096)).toBe(0);
    for (let block = 0; block < 3; block++) {
      const own = values.subarray(block * peakBlock, (block + 1) * peakBlock);
      const expected = [0, 1, 2, 3].map((lane) => Math.max(...own.filter((_, i) => i % 4 === lane)));
      expect([...view(4096 + 16 * block, 4)]).toEqual(expected);
    }
    for (const broken of [NaN, Infinity, -Infinity]) {
      for (const place of [0, 5, 62, 130]) {
        view(0, values.length).set(values.with(place, broken));
        expect(kernels.peaks(0, values.length, 4096)).toBeNaN();
      }
    }
  });

  it('the clip factor is torch’s: 1 inside the ball, max / (norm + 1e-6) outside', () => {
    expect(clipFactor(0.5, 1)).toBe(1);
    expect(clipFactor(2, 1)).toBe(1 / (2 + 1e-6));
    expect(clipFactor(1e9, null)).toBe(1);
  });
});
