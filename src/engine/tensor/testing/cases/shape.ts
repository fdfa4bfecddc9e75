/** Sample cases of ops that move, sum, cut and join. */
import * as op from '../../ops/all.js';
import type { Value } from '../../value.js';
import { exact, parameter, real, type OpCase } from '../opCase.js';
import {
  build,
  element,
  logSumExpOf,
  mean,
  overRows,
  plain,
  product,
  read,
  reduced,
  softmaxOf,
  sum,
  swapLast,
  transposed,
  type Plain,
} from '../plain.js';

const BTC = ['B', 'T', 4] as const;
const operand = real(BTC, [2, 3, 4]);

function reduction(
  builder: (x: Value, axes: readonly number[], options?: { keepDims?: boolean }) => Value,
  f: (values: readonly number[]) => number,
): readonly OpCase[] {
  const reduce = (axes: readonly number[], keepDims: boolean): OpCase => ({
    title: `over ${axes.join()}${keepDims ? ', kept' : ''}`,
    operands: [operand],
    build: ([x]) => builder(x as Value, axes, { keepDims }),
    expected: ([x]) => reduced(x as Plain, axes, keepDims, f),
  });
  return [reduce([2], true), reduce([0, 1], false), reduce([1], false), reduce([0, 1, 2], false)];
}

function matmulCase(
  title: string,
  a: typeof operand,
  b: typeof operand,
  options: { transposeA?: boolean; transposeB?: boolean; scale?: number },
): OpCase {
  const turned = (matrix: Plain, transpose = false): Plain => (transpose ? swapLast(matrix) : matrix);
  return {
    title,
    operands: [a, b],
    build: ([x, y]) => op.matmul(x as Value, y as Value, options),
    expected: ([x, y]) =>
      product(turned(x as Plain, options.transposeA), turned(y as Plain, options.transposeB), options.scale),
  };
}

const cut = (tensor: Plain, axis: number, start: number, end: number): Plain =>
  build(tensor.dims.with(axis, end - start), (index) => read(tensor, index.with(axis, element(index, axis) + start)));

export const shapeCases = {
  reshape: [
    {
      title: 'flattens symbolic axes',
      operands: [operand],
      build: ([x]) => op.reshape(x as Value, ['B*T', 4]),
      expected: ([x]) => plain([6, 4], (x as Plain).data),
    },
    {
      title: 'restores symbolic axes read from another input',
      operands: [real(['B*T', 4], [6, 4]), exact('i64', ['B', 'T'], [2, 3], [0, 0, 0, 0, 0, 0])],
      build: ([x]) => op.reshape(x as Value, ['B', 'T', 2, 2]),
      expected: ([x]) => plain([2, 3, 2, 2], (x as Plain).data),
      differentiable: [0],
    },
    {
      title: 'multiplies symbols into one axis',
      operands: [real(['B', 3, 'T', 2], [2, 3, 4, 2])],
      build: ([x]) => op.reshape(x as Value, ['B', '3*T', 2]),
      expected: ([x]) => plain([2, 12, 2], (x as Plain).data),
    },
  ],
  transpose: [
    {
      title: 'permutes',
      operands: [operand],
      build: ([x]) => op.transpose(x as Value, [2, 0, 1]),
      expected: ([x]) => transposed(x as Plain, [2, 0, 1]),
    },
  ],
  expand: [
    {
      title: 'to symbolic sizes',
      operands: [real([1, 4], [1, 4]), operand],
      build: ([x]) => op.expand(x as Value, ['B', 'T', 4]),
      expected: ([x]) => build([2, 3, 4], (index) => read(x as Plain, index)),
      differentiable: [0],
    },
    {
      title: 'of a scalar',
      operands: [real([], [])],
      build: ([x]) => op.expand(x as Value, [2, 3]),
      expected: ([x]) => build([2, 3], () => element((x as Plain).data, 0)),
    },
  ],
  reduceSum: reduction(op.reduceSum, sum),
  reduceMean: reduction(op.reduceMean, mean),
  reduceMax: reduction(op.reduceMax, (values) => Math.max(...values)),
  softmax: [
    {
      title: 'of the last axis',
      operands: [operand],
      build: ([x]) => op.softmax(x as Value),
      expected: ([x]) => overRows(x as Plain, softmaxOf),
    },
  ],
  logSumExp: [
    {
      title: 'of the last axis',
      operands: [operand],
      build: ([x]) => op.logSumExp(x as Value),
      expected: ([x]) => reduced(x as Plain, [2], false, logSumExpOf),
    },
    {
      title: 'of large numbers',
      operands: [real(['B', 5], [2, 5], { scale: 3, shift: 300 })],
      build: ([x]) => op.logSumExp(x as Value),
      expected: ([x]) => reduced(x as Plain, [1], false, logSumExpOf),
    },
  ],
  dimensionSize: [
    {
      title: 'of a polynomial of sizes',
      operands: [operand, real(['P'], [5])],
      differentiable: [],
      build: (_, trace) => op.dimensionSize(trace, 'B*T+2*P-1'),
      expected: () => plain([], [2 * 3 + 2 * 5 - 1]),
    },
  ],
  matmul: [
    matmulCase('plain', real(['N', 3], [4, 3]), parameter([3, 2]), {}),
    matmulCase('by [out, in] weights, scaled', real(['N', 3], [4, 3]), parameter([5, 3]), {
      transposeB: true,
      scale: 0.5,
    }),
    matmulCase('transposed on the left', real(['K', 'M'], [3, 4]), real(['K', 2], [3, 2]), { transposeA: true }),
    matmulCase('transposed on both sides', real(['K', 'M'], [3, 4]), real([2, 'K'], [2, 3]), {
      transposeA: true,
      transposeB: true,
      scale: -2,
    }),
    matmulCase('of a batch by one matrix', operand, parameter([4, 3]), {}),
    matmulCase('of a batch by one [out, in] matrix', operand, parameter([3, 4]), { transposeB: true, scale: 3 }),
    matmulCase('of two batches', real(['B', 2, 'T', 4], [2, 2, 3, 4]), real(['B', 2, 'S', 4], [2, 2, 5, 4]), {
      transposeB: true,
      scale: 0.5,
    }),
    matmulCase(
      'of two batches, transposed on the left',
      real(['B', 'T', 2], [2, 3, 2]),
      real(['B', 'T', 5], [2, 3, 5]),
      { transposeA: true },
    ),
    matmulCase('broadcasting batch axes', real(['B', 1, 'T', 3], [2, 1, 4, 3]), real([2, 3, 5]), {}),
    matmulCase('broadcasting one matrix on the left', real([2, 3]), real(['B', 3, 4], [2, 3, 4]), {}),
  ],
  concat: [
    {
      title: 'adds symbolic sizes',
      operands: [real(['B', 'P', 2], [2, 2, 2]), real(['B', 'T', 2], [2, 3, 2]), real(['B', 1, 2], [2, 1, 2])],
      build: ([a, b, c]) => op.concat([a as Value, b as Value, c as Value], 1),
      expected: ([a, b, c]) =>
        build([2, 6, 2], ([i = 0, j = 0, k = 0]) => {
          if (j < 2) return read(a as Plain, [i, j, k]);
          return j < 5 ? read(b as Plain, [i, j - 2, k]) : read(c as Plain, [i, 0, k]);
        }),
    },
  ],
  slice: [
    {
      title: 'between numbers',
      operands: [operand],
      build: ([x]) => op.slice(x as Value, 2, 1, -1),
      expected: ([x]) => cut(x as Plain, 2, 1, 3),
    },
    {
      title: 'to a symbolic end',
      operands: [operand],
      build: ([x]) => op.slice(x as Value, 1, 1, 'T-1'),
      expected: ([x]) => cut(x as Plain, 1, 1, 2),
    },
    {
      title: 'from one on',
      operands: [operand],
      build: ([x]) => op.slice(x as Value, 1, 1),
      expected: ([x]) => cut(x as Plain, 1, 1, 3),
    },
  ],
  pad: [
    {
      title: 'by numbers and symbols',
      operands: [operand],
      build: ([x]) => op.pad(x as Value, 1, 1, 'B'),
      expected: ([x]) =>
        build([2, 6, 4], ([i = 0, j = 0, k = 0]) => (j >= 1 && j < 4 ? read(x as Plain, [i, j - 1, k]) : 0)),
    },
  ],
} as const satisfies Record<string, readonly OpCase[]>;
