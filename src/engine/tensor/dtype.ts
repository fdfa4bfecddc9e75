/** Element types of tensors, and the typed array that holds each. Numbers are as in ONNX (onnx.proto3,
 *  TensorProto.DataType). */
import { ShapeError } from '../../base/errors.js';

export type DType = 'f32' | 'i64' | 'i32' | 'bool' | 'u8' | 'i8';

export type TensorData = Float32Array | BigInt64Array | Int32Array | Uint8Array | Int8Array;

/** ONNX's code of each element type, and its width in bytes. */
export const dtypes = {
  f32: { onnx: 1, bytes: 4 },
  u8: { onnx: 2, bytes: 1 },
  i8: { onnx: 3, bytes: 1 },
  i32: { onnx: 6, bytes: 4 },
  i64: { onnx: 7, bytes: 8 },
  bool: { onnx: 9, bytes: 1 },
} as const satisfies Record<DType, { readonly onnx: number; readonly bytes: number }>;

/** A private copy of the data in the typed array of `dtype`. Booleans are bytes 0 and 1. */
export function packData(dtype: DType, data: readonly (number | bigint | boolean)[] | TensorData): TensorData {
  const numbers = Array.from<number | bigint | boolean>(data as ArrayLike<number | bigint | boolean>);
  switch (dtype) {
    case 'f32':
      return data instanceof Float32Array ? data.slice() : Float32Array.from(numbers, Number);
    case 'i64':
      return BigInt64Array.from(numbers, (each) => BigInt(each));
    case 'i32':
      return Int32Array.from(numbers, Number);
    case 'bool':
      return Uint8Array.from(numbers, (each) => (each ? 1 : 0));
    case 'u8':
      return Uint8Array.from(numbers, Number);
    case 'i8':
      return Int8Array.from(numbers, Number);
  }
}

/** @throws ShapeError unless `got` is one of `expected`. */
export function expectDType(where: string, got: DType, expected: readonly DType[]): void {
  if (!expected.includes(got)) {
    throw new ShapeError('wrong element type', { where, expected: expected.join(' or '), got });
  }
}
