/** Kernels over the elements of stores: AdamW, averages, squared norm, addition. */
import { advance, sumLanes } from './kernelParts.js';
import {
  f32,
  f32x4,
  f64,
  f64x2,
  i32,
  v128,
  whileTrue,
  type Code,
  type LocalNames,
  type WasmFunction,
} from './wasmAssembler.js';

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

/** target ← keep · target + share · source: Polyak's average of weights. */
const average: WasmFunction = {
  name: 'average',
  parameters: { target: 'i32', source: 'i32', length: 'i32', keep: 'f32', share: 'f32' },
  locals: { end: 'i32', keeps: 'v128', shares: 'v128' },
  result: null,
  body: (local) => [
    local.set('keeps', f32x4.splat(local.get('keep'))),
    local.set('shares', f32x4.splat(local.get('share'))),
    ...overElements(local, 'target', ['source'], (lanes) => {
      const [keep, share] = lanes === four ? (['keeps', 'shares'] as const) : (['keep', 'share'] as const);
      return [
        lanes.store(
          local.get('target'),
          lanes.add(
            lanes.mul(local.get(share), lanes.load(local.get('source'))),
            lanes.mul(local.get(keep), lanes.load(local.get('target'))),
          ),
        ),
      ];
    }),
  ],
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

export const elementKernels: readonly WasmFunction[] = [sumOfSquares, add, average, adamw];
