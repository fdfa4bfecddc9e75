/** Sample cases of elementwise ops. */
import * as op from '../../ops/all.js';
import type { Value } from '../../value.js';
import { between, exact, real, type OpCase } from '../opCase.js';
import { elementwise, erfOf, type Plain } from '../plain.js';

const BT = ['B', 'T'] as const;

function unary(builder: (x: Value) => Value, f: (x: number) => number, operand = real(BT, [3, 5])): readonly OpCase[] {
  return [
    {
      title: 'of every element',
      operands: [operand],
      build: ([x]) => builder(x as Value),
      expected: ([x]) => elementwise(f, x as Plain),
    },
  ];
}

function binary(
  builder: (a: Value, b: Value) => Value,
  f: (a: number, b: number) => number,
  second: typeof real = real,
): readonly OpCase[] {
  const build: OpCase['build'] = ([a, b]) => builder(a as Value, b as Value);
  const expected: OpCase['expected'] = ([a, b]) => elementwise(f, a as Plain, b as Plain);
  return [
    { title: 'of equal shapes', operands: [real(BT, [2, 3], { scale: 2 }), second(BT, [2, 3])], build, expected },
    {
      title: 'broadcast both ways',
      operands: [real(['B', 1, 4], [2, 1, 4], { scale: 2 }), second(['T', 1], [3, 1])],
      build,
      expected,
    },
    { title: 'with a scalar', operands: [real(BT, [2, 3], { scale: 3 }), second([], [])], build, expected },
  ];
}

const away: typeof real = (shape, dims) => between(0.5, 2, shape, dims);

function comparison(builder: (a: Value, b: Value) => Value, f: (a: number, b: number) => boolean): readonly OpCase[] {
  const common = {
    build: ([a, b]: readonly Value[]): Value => builder(a as Value, b as Value),
    expected: ([a, b]: readonly Plain[]): Plain => elementwise((x, y) => Number(f(x, y)), a as Plain, b as Plain),
    differentiable: [],
  };
  return [
    {
      ...common,
      title: 'of numbers',
      operands: [exact('f32', ['T'], [4], [-1, 0, 0.5, 2]), exact('f32', ['B', 1], [2, 1], [0, 0.5])],
    },
    { ...common, title: 'of integers', operands: [exact('i64', ['T'], [3], [1, 2, 3]), exact('i64', [], [], [2])] },
  ];
}

const truths = [exact('bool', BT, [2, 2], [0, 0, 1, 1]), exact('bool', ['T'], [2], [0, 1])];
const sigma = (x: number): number => 1 / (1 + Math.exp(-x));
const geluTanhOf = (x: number): number => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

export const elementwiseCases = {
  add: binary(op.add, (a, b) => a + b),
  sub: binary(op.sub, (a, b) => a - b),
  mul: binary(op.mul, (a, b) => a * b),
  div: binary(op.div, (a, b) => a / b, away),
  minimum: binary(op.minimum, Math.min),
  maximum: binary(op.maximum, Math.max),
  neg: unary(op.neg, (x) => -x),
  exp: unary(op.exp, Math.exp),
  log: unary(op.log, Math.log, between(0.3, 4, BT, [3, 4])),
  sqrt: unary(op.sqrt, Math.sqrt, between(0.3, 4, BT, [3, 4])),
  tanh: unary(op.tanh, Math.tanh),
  sigmoid: unary(op.sigmoid, sigma),
  erf: unary(op.erf, erfOf),
  abs: unary(op.abs, Math.abs),
  relu: unary(op.relu, (x) => Math.max(x, 0), real(BT, [9, 11])),
  sign: unary(op.sign, Math.sign),
  gelu: unary(op.gelu, (x) => (x / 2) * (1 + erfOf(x / Math.SQRT2))),
  geluTanh: unary(op.geluTanh, geluTanhOf, real(BT, [9, 11], { scale: 2 })),
  silu: unary(op.silu, (x) => x * sigma(x), real(BT, [9, 11], { scale: 2 })),
  clip: unary(
    (x) => op.clip(x, -0.4, 0.9),
    (x) => Math.min(Math.max(x, -0.4), 0.9),
  ),
  stopGradient: [
    {
      title: 'keeps the value and stops the gradient of one factor',
      operands: [real(BT, [2, 3])],
      build: ([x]) => op.mul(op.stopGradient(x as Value), 2),
      expected: ([x]) => elementwise((each) => 2 * each, x as Plain),
      differentiable: [],
    },
  ],
  equal: comparison(op.equal, (a, b) => a === b),
  less: comparison(op.less, (a, b) => a < b),
  lessOrEqual: comparison(op.lessOrEqual, (a, b) => a <= b),
  greater: comparison(op.greater, (a, b) => a > b),
  logicalAnd: [
    {
      title: 'of truth values',
      operands: truths,
      differentiable: [],
      build: ([a, b]) => op.logicalAnd(a as Value, b as Value),
      expected: ([a, b]) => elementwise((x, y) => x * y, a as Plain, b as Plain),
    },
  ],
  logicalNot: [
    {
      title: 'of truth values',
      operands: truths.slice(0, 1),
      differentiable: [],
      build: ([a]) => op.logicalNot(a as Value),
      expected: ([a]) => elementwise((x) => 1 - x, a as Plain),
    },
  ],
  cast: [
    {
      title: 'of truth values to numbers',
      operands: truths.slice(0, 1),
      differentiable: [],
      build: ([a]) => op.cast(a as Value, 'f32'),
      expected: ([a]) => a as Plain,
    },
    {
      title: 'of numbers to integers drops the fraction',
      operands: [exact('f32', ['T'], [3], [-1.5, 0.2, 2.9])],
      differentiable: [],
      build: ([a]) => op.cast(a as Value, 'i64'),
      expected: ([a]) => elementwise((x) => Math.trunc(x) + 0, a as Plain),
    },
  ],
  where: [
    {
      title: 'broadcasts the condition and both choices',
      differentiable: [1, 2],
      operands: [exact('bool', ['B', 1], [2, 1], [1, 0]), real(['B', 'T'], [2, 3]), real(['T'], [3])],
      build: ([c, a, b]) => op.where(c as Value, a as Value, b as Value),
      expected: ([c, a, b]) => elementwise((x, y, z) => (x === 1 ? y : z), c as Plain, a as Plain, b as Plain),
    },
  ],
} as const satisfies Record<string, readonly OpCase[]>;
