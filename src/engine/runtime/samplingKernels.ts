/** Kernels over logits: peaks and exponentials. */
import { advance, sumLanes } from './kernelParts.js';
import { f32x4, f64x2, i32, i32x4, v128, whileTrue, type WasmFunction } from './wasmAssembler.js';

/** Elements of which `peaks` gives one vector of maxima. */
export const peakBlock = 64;

const peaks: WasmFunction = {
  name: 'peaks',
  parameters: { source: 'i32', length: 'i32', target: 'i32' },
  locals: { end: 'i32', x: 'v128', high0: 'v128', high1: 'v128', zero0: 'v128', zero1: 'v128' },
  result: 'f64',
  body: (local) => [
    local.set('end', i32.add(local.get('source'), i32.shl(local.get('length'), i32.const(2)))),
    whileTrue(i32.sub(local.get('end'), local.get('source')), [
      ...Array.from({ length: peakBlock / 4 }, (_, vector) => {
        // Two chains, so that an instruction need not wait for the one before.
        const [high, zero] = vector % 2 === 0 ? (['high0', 'zero0'] as const) : (['high1', 'zero1'] as const);
        return [
          local.set('x', v128.load(local.get('source'), 16 * vector)),
          local.set(high, vector < 2 ? local.get('x') : f32x4.pseudoMax(local.get(high), local.get('x'))),
          // x · 0 is 0 or, of what is not finite, NaN.
          local.set(zero, f32x4.add(local.get(zero), f32x4.mul(local.get('x'), f32x4.const(0)))),
        ].flat();
      }),
      v128.store(local.get('target'), 0, f32x4.pseudoMax(local.get('high0'), local.get('high1'))),
      advance(local, 'source', 4 * peakBlock),
      advance(local, 'target', 16),
    ]),
    local.set('x', f32x4.add(local.get('zero0'), local.get('zero1'))),
    sumLanes(f64x2.add(f64x2.promoteLow(local.get('x')), f64x2.promoteHigh(local.get('x'), local.get('x'))), local),
  ],
};

/** Below this e^x is a subnormal float, which we count as 0. */
const smallestExponent = -87;
/** Cephes expf: polynomial of (e^r − 1 − r) / r² on |r| ≤ ln 2 / 2, highest power first; ln 2 split in two. */
const polynomial = [1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1];
const ln2High = 0.693359375;
const ln2Low = -2.1219444e-4;
/** 1.5 · 2^23: added to a small number it leaves its nearest integer in the lowest bits. */
const toInteger = 12582912;

const exponentials: WasmFunction = {
  name: 'exponentials',
  parameters: { source: 'i32', target: 'i32', length: 'i32', shift: 'f32', scale: 'f32' },
  locals: {
    end: 'i32',
    shifts: 'v128',
    scales: 'v128',
    x: 'v128',
    n: 'v128',
    r: 'v128',
    y: 'v128',
    kept: 'v128',
    bits: 'v128',
    a: 'v128',
    b: 'v128',
  },
  result: 'f64',
  body: (local) => [
    local.set('end', i32.add(local.get('source'), i32.shl(local.get('length'), i32.const(2)))),
    local.set('shifts', f32x4.splat(local.get('shift'))),
    local.set('scales', f32x4.splat(local.get('scale'))),
    whileTrue(i32.sub(local.get('end'), local.get('source')), [
      local.set('x', f32x4.mul(f32x4.sub(v128.load(local.get('source'), 0), local.get('shifts')), local.get('scales'))),
      local.set('kept', f32x4.ge(local.get('x'), f32x4.const(smallestExponent))),
      local.set('x', f32x4.pseudoMax(local.get('x'), f32x4.const(smallestExponent))),
      local.set('bits', f32x4.add(f32x4.mul(local.get('x'), f32x4.const(Math.LOG2E)), f32x4.const(toInteger))),
      local.set('n', f32x4.sub(local.get('bits'), f32x4.const(toInteger))),
      local.set(
        'r',
        f32x4.sub(
          f32x4.sub(local.get('x'), f32x4.mul(local.get('n'), f32x4.const(ln2High))),
          f32x4.mul(local.get('n'), f32x4.const(ln2Low)),
        ),
      ),
      local.set('y', f32x4.const(polynomial[0] ?? 0)),
      ...polynomial
        .slice(1)
        .map((coefficient) =>
          local.set('y', f32x4.add(f32x4.mul(local.get('y'), local.get('r')), f32x4.const(coefficient))),
        ),
      local.set(
        'y',
        f32x4.add(
          f32x4.add(f32x4.mul(local.get('y'), f32x4.mul(local.get('r'), local.get('r'))), local.get('r')),
          f32x4.const(1),
        ),
      ),
      // 2^n, built as the exponent bits of a float.
      local.set(
        'y',
        f32x4.mul(local.get('y'), i32x4.shl(i32x4.add(local.get('bits'), i32x4.splat(i32.const(127))), i32.const(23))),
      ),
      local.set('y', v128.and(local.get('y'), local.get('kept'))),
      v128.store(local.get('target'), 0, local.get('y')),
      local.set('a', f64x2.add(local.get('a'), f64x2.promoteLow(local.get('y')))),
      local.set('b', f64x2.add(local.get('b'), f64x2.promoteHigh(local.get('y'), local.get('y')))),
      advance(local, 'source', 16),
      advance(local, 'target', 16),
    ]),
    sumLanes(f64x2.add(local.get('a'), local.get('b')), local),
  ],
};

export const samplingKernels: readonly WasmFunction[] = [peaks, exponentials];
