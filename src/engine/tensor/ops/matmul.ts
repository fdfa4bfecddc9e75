/** Matrix product, with transposition and scale folded into the kernel where the provider has one that does
 *  (com.microsoft FusedMatMul). */
import { ShapeError } from '../../../base/errors.js';
import { formatShape, multiplyDims, type Dim, type Shape } from '../dimension.js';
import { at, broadcastShapes, expectFloat } from '../shapeRules.js';
import { emitOne } from '../trace.js';
import type { Lowering, OpDefinition, TensorType, Value } from '../value.js';
import { reshape, sumTo } from './shape.js';

type MatMulAttributes = { readonly transposeA: boolean; readonly transposeB: boolean; readonly scale: number };

export interface MatMulOptions {
  /** Use aᵀ: `a` is [..., K, M]. Default false. */
  readonly transposeA?: boolean;
  /** Use bᵀ: `b` is [..., N, K], the layout of Hugging Face linear weights. Default false. */
  readonly transposeB?: boolean;
  /** Factor of the product. Default 1. */
  readonly scale?: number;
}

export const matmulOp: OpDefinition<MatMulAttributes> = {
  name: 'matmul',
  infer(inputs, { transposeA, transposeB }) {
    const [a, b] = [at(inputs, 0), at(inputs, 1)];
    expectFloat('matmul', a, b);
    const [rows, innerA] = matrixDims(a, transposeA);
    const [innerB, columns] = matrixDims(b, transposeB);
    if (innerA !== innerB) {
      const form = (type: TensorType, isTransposed: boolean): string =>
        formatShape(type.shape) + (isTransposed ? 'ᵀ' : '');
      throw new ShapeError('inner sizes differ', {
        where: 'matmul',
        expected: `${String(innerA)} = ${String(innerB)}`,
        got: `${form(a, transposeA)} × ${form(b, transposeB)}`,
      });
    }
    return [
      {
        dtype: 'f32',
        shape: [...broadcastShapes('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2)), rows, columns],
      },
    ];
  },
  lower(onnx, node) {
    const { inputs, attributes } = node;
    const [a, b] = [at(inputs, 0), at(inputs, 1)];
    const { transposeA, transposeB, scale } = attributes;
    const weight = node.op.weightOf?.(node) == null ? null : onnx.int8(b);
    if (weight !== null) return [int8Product(onnx, onnx.name(a), weight)];
    const names = [onnx.name(a), onnx.name(b)];
    if (onnx.provider === 'cpu') {
      if (transposeA && a.shape.length === 2 && isTransposedFirst(a, at(node.outputs, 0))) {
        return [multiply(onnx, [turnedOnce(onnx, names, a), at(names, 1)], { ...attributes, transposeA: false })];
      }
      return [multiply(onnx, names, attributes)];
    }
    const left = transposeA ? transposeLast(onnx, at(names, 0), a.shape) : at(names, 0);
    const right = transposeB ? transposeLast(onnx, at(names, 1), b.shape) : at(names, 1);
    const product = onnx.node('MatMul', [left, right]);
    return [scale === 1 ? product : onnx.node('Mul', [product, onnx.constant('f32', [], [scale])])];
  },
  weightOf({ inputs, attributes: { transposeA, transposeB, scale } }) {
    const value = at(inputs, 1);
    return transposeA || scale !== 1 || value.shape.length !== 2 ? null : { value, isTransposed: transposeB };
  },
  vjp({ inputs, gradient, attributes: { transposeA, transposeB, scale } }) {
    const [a, b] = [at(inputs, 0), at(inputs, 1)];
    // A matrix shared by the whole batch: one product over all rows instead of a batch of products that are then
    // summed.
    if (!transposeA && b.shape.length === 2 && a.shape.length > 2) {
      const [rowsA, rowsG] = [flattenRows(a), flattenRows(gradient)];
      return [
        matmul(gradient, b, { transposeB: !transposeB, scale }),
        transposeB
          ? matmul(rowsG, rowsA, { transposeA: true, scale })
          : matmul(rowsA, rowsG, { transposeA: true, scale }),
      ];
    }
    const inA = transposeA
      ? matmul(b, gradient, { transposeA: transposeB, transposeB: true, scale })
      : matmul(gradient, b, { transposeB: !transposeB, scale });
    const inB = transposeB
      ? matmul(gradient, a, { transposeA: true, transposeB: transposeA, scale })
      : matmul(a, gradient, { transposeA: !transposeA, scale });
    return [sumTo(inA, a.shape), sumTo(inB, b.shape)];
  },
};

/** scale · a × b over the last two axes; leading axes broadcast. [..., M, K] × [..., K, N] → [..., M, N].
 *  A two-dimensional `b` is applied to all rows of `a` as one product. */
export function matmul(
  a: Value,
  b: Value,
  { transposeA = false, transposeB = false, scale = 1 }: MatMulOptions = {},
): Value {
  return emitOne(matmulOp, [a, b], { transposeA, transposeB, scale });
}

/** [..., C] → [N, C]. */
export function flattenRows(a: Value): Value {
  return reshape(a, [multiplyDims(...a.shape.slice(0, -1)), at(a.shape, a.shape.length - 1)]);
}

function matrixDims({ shape }: TensorType, isTransposed: boolean): readonly [Dim, Dim] {
  const [rows, columns] = shape.slice(-2);
  if (rows === undefined || columns === undefined)
    throw new ShapeError('wrong rank', { where: 'matmul', expected: 'rank 2 or more', got: formatShape(shape) });
  return isTransposed ? [columns, rows] : [rows, columns];
}

function multiply(
  onnx: Lowering,
  names: readonly string[],
  { transposeA, transposeB, scale }: MatMulAttributes,
): string {
  if (!transposeA && !transposeB && scale === 1) return onnx.node('MatMul', names);
  const attributes = {
    transA: { int: Number(transposeA) },
    transB: { int: Number(transposeB) },
    alpha: { float: scale },
  };
  return onnx.node('FusedMatMul', names, { domain: 'com.microsoft', attributes });
}

/** x·W with W in 8 bits, a step a column, and every row of x quantized by its own largest element: what a row gives
 *  does not depend on its neighbours, as it would with the one range for all rows of DynamicQuantizeMatMul. Products
 *  that read the same x share its quantization. */
function int8Product(
  onnx: Lowering,
  x: string,
  { data, steps }: { readonly data: string; readonly steps: string },
): string {
  const [zero, step] = [onnx.constant('u8', [], [128]), onnx.constant('f32', [], [1 / 127])];
  const largest = onnx.shared(`largest of ${x}`, () => {
    const axis = onnx.constant('i64', [1], [-1]);
    const each = onnx.node('ReduceMax', [onnx.node('Abs', [x]), axis], { attributes: { keepdims: { int: 1 } } });
    return onnx.node('Max', [each, onnx.constant('f32', [], [1e-30])]); // a row of zeros stays one
  });
  const quantized = onnx.shared(`int8 of ${x}`, () =>
    onnx.node('QuantizeLinear', [onnx.node('Div', [x, largest]), step, zero]),
  );
  const product = onnx.node('MatMulIntegerToFloat', [quantized, data, step, steps, zero, zero], {
    domain: 'com.microsoft',
  });
  return onnx.node('Mul', [product, largest]);
}

/** ONNX Runtime's kernel turns blocks of a transposed left operand anew for every 128 columns of the result. Turning it
 *  once is faster (weight gradients by 10 to 18 %) unless the operand is wide and the result narrow. */
function isTransposedFirst({ shape: [, rows] }: TensorType, { shape: [, columns] }: TensorType): boolean {
  return typeof rows === 'number' && typeof columns === 'number' && columns >= 256 && rows <= 3 * columns;
}

/** The reshape keeps ONNX Runtime's optimizer from folding the transposition back into the product. */
function turnedOnce(onnx: Lowering, names: readonly string[], a: TensorType): string {
  const rows = at(a.shape, 1);
  return onnx.node('Reshape', [
    transposeLast(onnx, at(names, 0), a.shape),
    onnx.constant('i64', [2], [Number(rows), -1]),
  ]);
}

function transposeLast(onnx: Lowering, name: string, shape: Shape): string {
  const axes = shape.map((_, axis) => axis);
  const perm = [...axes.slice(0, -2), shape.length - 1, shape.length - 2];
  return onnx.node('Transpose', [name], { attributes: { perm: { ints: perm } } });
}
