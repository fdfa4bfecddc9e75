/** The loops that ONNX Runtime has no fast kernel for, as 4-lane wasm functions over one memory: AdamW, squared norm,
 *  addition, peaks and exponentials. Addresses and lengths are in bytes and f32 elements. Written in the assembler
 *  beside this file, assembled once a process (a millisecond); `testing/referenceKernels.ts` says the same in plain TypeScript
 *  and is the test's witness. Without relaxed SIMD and fused multiply-add, so results are the same bits on every
 *  machine. */
import {
  assembleModule,
  f32,
  f32x4,
  f64,
  f64x2,
  i32,
  i32x4,
  v128,
  whileTrue,
  type Code,
  type LocalNames,
  type WasmFunction,
} from './wasmAssembler.js';

export interface Kernels {
  /** Sum of squares in double precision, in a fixed order. */
  readonly sumOfSquares: (address: number, length: number) => number;
  /** target += source */
  readonly add: (target: number, source: number, length: number) => void;
  /** One AdamW step over `length` elements; zeroes the gradient. Coefficients as in `AdamwCoefficients`. */
  readonly adamw: (
    parameter: number,
    gradient: number,
    firstMoment: number,
    secondMoment: number,
    length: number,
    gradientScale: number,
    keep: number,
    oneMinusBeta1: number,
    beta2: number,
    oneMinusBeta2: number,
    negativeStepSize: number,
    epsilon: number,
  ) => void;
  /** Writes per block of `peakBlock` elements the largest of every fourth, as 4 lanes (16 bytes), to `target`.
   *  `length` is a multiple of `peakBlock`. @returns 0, or NaN when an element is not finite: then the lanes say
   *  nothing */
  readonly peaks: (source: number, length: number, target: number) => number;
  /** target = exp((source − shift) · scale) for exponents up to 0, 0 below e^−87; returns the sum in double precision.
   *  `length` is a multiple of 4. Relative error < 2e-7 for exponents ≤ 0 (Cephes expf). */
  readonly exponentials: (source: number, target: number, length: number, shift: number, scale: number) => number;
}

/** The arithmetic that f32 and f32x4 share, so that a loop body is written once for the vector part and the remainder.
 */
interface Lanes {
  readonly bytes: number;
  readonly load: (address: Code) => Code;
  readonly store: (address: Code, value: Code) => Code;
  readonly spread: (scalar: Code) => Code;
  readonly add: (a: Code, b: Code) => Code;
  readonly sub: (a: Code, b: Code) => Code;
  readonly mul: (a: Code, b: Code) => Code;
  readonly div: (a: Code, b: Code) => Code;
  readonly sqrt: (a: Code) => Code;
}

const four: Lanes = {
  bytes: 16,
  load: (address) => v128.load(address, 0),
  store: (address, value) => v128.store(address, 0, value),
  spread: f32x4.splat,
  add: f32x4.add,
  sub: f32x4.sub,
  mul: f32x4.mul,
  div: f32x4.div,
  sqrt: f32x4.sqrt,
};
const one: Lanes = {
  bytes: 4,
  load: (address) => f32.load(address, 0),
  store: (address, value) => f32.store(address, 0, value),
  spread: (scalar) => scalar,
  add: f32.add,
  sub: f32.sub,
  mul: f32.mul,
  div: f32.div,
  sqrt: f32.sqrt,
};

const advance = (local: LocalNames, name: string, bytes: number): Code =>
  local.set(name, i32.add(local.get(name), i32.const(bytes)));

/** Runs `body` over `length` elements, four at a time, then the remainder; `cursor` and `others` are the advancing
 *  addresses. */
function overElements(
  local: LocalNames,
  cursor: string,
  others: readonly string[],
  body: (lanes: Lanes) => readonly Code[],
): Code[] {
  const part = (lanes: Lanes, count: Code): Code[] => [
    local.set('end', i32.add(local.get(cursor), i32.shl(count, i32.const(2)))),
    whileTrue(i32.sub(local.get('end'), local.get(cursor)), [
      ...body(lanes),
      ...[cursor, ...others].map((name) => advance(local, name, lanes.bytes)),
    ]),
  ];
  return [
    ...part(four, i32.and(local.get('length'), i32.const(-4))),
    ...part(one, i32.and(local.get('length'), i32.const(3))),
  ];
}

const add: WasmFunction = {
  name: 'add',
  parameters: { target: 'i32', source: 'i32', length: 'i32' },
  locals: { end: 'i32' },
  result: null,
  body: (local) =>
    overElements(local, 'target', ['source'], (lanes) => [
      lanes.store(local.get('target'), lanes.add(lanes.load(local.get('target')), lanes.load(local.get('source')))),
    ]),
};

/** p ← p·keep; m ← m + (1−β1)(g−m); v ← v·β2 + (1−β2)·g·g; p ← p + (−lr·√c2/c1)·m / (√v + ε·√c2), c = 1 − β^step.
 *  torch.optim.AdamW writes the last as (−lr/c1)·m / (√v/√c2 + ε): the same number, but a division more for every
 *  element. */
const adamwCoefficientNames = [
  'gradientScale',
  'keep',
  'oneMinusBeta1',
  'beta2',
  'oneMinusBeta2',
  'negativeStepSize',
  'epsilon',
] as const;
const adamw: WasmFunction = {
  name: 'adamw',
  parameters: {
    parameter: 'i32',
    gradient: 'i32',
    firstMoment: 'i32',
    secondMoment: 'i32',
    length: 'i32',
    ...Object.fromEntries(adamwCoefficientNames.map((name) => [name, 'f32'] as const)),
  },
  locals: {
    end: 'i32',
    g: 'v128',
    m: 'v128',
    v: 'v128',
    g1: 'f32',
    m1: 'f32',
    v1: 'f32',
    ...Object.fromEntries(adamwCoefficientNames.map((name) => [`${name} ×4`, 'v128'] as const)),
  },
  result: null,
  body: (local) => [
    // Spread once: engines do not move this out of the loop.
    ...adamwCoefficientNames.map((name) => local.set(`${name} ×4`, f32x4.splat(local.get(name)))),
    ...overElements(local, 'parameter', ['gradient', 'firstMoment', 'secondMoment'], (lanes) => {
      const [g, m, v] = lanes === four ? (['g', 'm', 'v'] as const) : (['g1', 'm1', 'v1'] as const);
      const scalar = (name: (typeof adamwCoefficientNames)[number]): Code =>
        local.get(lanes === four ? `${name} ×4` : name);
      return [
        local.set(g, lanes.mul(lanes.load(local.get('gradient')), scalar('gradientScale'))),
        lanes.store(local.get('gradient'), lanes.spread(f32.const(0))),
        local.set(m, lanes.load(local.get('firstMoment'))),
        local.set(
          m,
          lanes.add(local.get(m), lanes.mul(scalar('oneMinusBeta1'), lanes.sub(local.get(g), local.get(m)))),
        ),
        lanes.store(local.get('firstMoment'), local.get(m)),
        local.set(v, lanes.mul(lanes.load(local.get('secondMoment')), scalar('beta2'))),
        local.set(
          v,
          lanes.add(local.get(v), lanes.mul(lanes.mul(scalar('oneMinusBeta2'), local.get(g)), local.get(g))),
        ),
        lanes.store(local.get('secondMoment'), local.get(v)),
        lanes.store(
          local.get('parameter'),
          lanes.add(
            lanes.mul(lanes.load(local.get('parameter')), scalar('keep')),
            lanes.div(
              lanes.mul(scalar('negativeStepSize'), local.get(m)),
              lanes.add(lanes.sqrt(local.get(v)), scalar('epsilon')),
            ),
          ),
        ),
      ];
    }),
  ],
};

const sumOfSquares: WasmFunction = {
  name: 'sumOfSquares',
  parameters: { address: 'i32', length: 'i32' },
  locals: { end: 'i32', x: 'v128', low: 'v128', high: 'v128', a: 'v128', b: 'v128', rest: 'f64', x1: 'f32' },
  result: 'f64',
  body: (local) => [
    ...overElements(local, 'address', [], (lanes) =>
      lanes === four
        ? [
            local.set('x', lanes.load(local.get('address'))),
            local.set('low', f64x2.promoteLow(local.get('x'))),
            local.set('high', f64x2.promoteHigh(local.get('x'), local.get('x'))),
            local.set('a', f64x2.add(local.get('a'), f64x2.mul(local.get('low'), local.get('low')))),
            local.set('b', f64x2.add(local.get('b'), f64x2.mul(local.get('high'), local.get('high')))),
          ]
        : [
            local.set('x1', lanes.load(local.get('address'))),
            local.set(
              'rest',
              f64.add(local.get('rest'), f64.mul(f64.promote(local.get('x1')), f64.promote(local.get('x1')))),
            ),
          ],
    ),
    f64.add(sumLanes(f64x2.add(local.get('a'), local.get('b')), local), local.get('rest')),
  ],
};

/** Both lanes of an f64x2, added; keeps the vector in local `x`. */
function sumLanes(vector: Code, local: LocalNames): Code {
  return [...local.set('x', vector), ...f64.add(f64x2.lane(local.get('x'), 0), f64x2.lane(local.get('x'), 1))];
}

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

let assembled: WebAssembly.Module | null = null;
const instances = new WeakMap<WebAssembly.Memory, Kernels>();

/** The kernels over one memory. */
export function kernelsOver(memory: WebAssembly.Memory): Kernels {
  const known = instances.get(memory);
  if (known !== undefined) return known;
  assembled ??= new WebAssembly.Module(assembleModule([sumOfSquares, add, adamw, peaks, exponentials]));
  const kernels = new WebAssembly.Instance(assembled, { env: { memory } }).exports as unknown as Kernels;
  instances.set(memory, kernels);
  return kernels;
}
