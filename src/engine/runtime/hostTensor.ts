/** Tensors on the caller's side of the device: the inputs of a program and its results. */
import { ShapeError } from '../../base/errors.js';
import type { DType } from '../tensor/dtype.js';
import { elementCount } from './tensorStore.js';

/** Data in row-major order; booleans are bytes 0 and 1. */
export interface HostTensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly data: Float32Array | BigInt64Array | Int32Array | Uint8Array | Int8Array;
}

export function f32Tensor(dims: readonly number[], data: Float32Array | readonly number[]): HostTensor {
  return { dtype: 'f32', dims, data: data instanceof Float32Array ? data : Float32Array.from(data) };
}

export function i64Tensor(dims: readonly number[], data: BigInt64Array | readonly number[]): HostTensor {
  return { dtype: 'i64', dims, data: data instanceof BigInt64Array ? data : BigInt64Array.from(data, BigInt) };
}

export function boolTensor(dims: readonly number[], data: Uint8Array | readonly boolean[]): HostTensor {
  return { dtype: 'bool', dims, data: data instanceof Uint8Array ? data : Uint8Array.from(data, Number) };
}

const arrayOf = {
  f32: Float32Array,
  i64: BigInt64Array,
  i32: Int32Array,
  bool: Uint8Array,
  u8: Uint8Array,
  i8: Int8Array,
} as const satisfies Record<DType, unknown>;

/** Returns an array of zeros. */
export function zeroData(dtype: DType, length: number): HostTensor['data'] {
  return new arrayOf[dtype](length);
}

/** Checks a tensor. @throws ShapeError when array type or length contradict dtype and dims */
export function checkHostTensor(name: string, { dtype, dims, data }: HostTensor): void {
  const expected = arrayOf[dtype];
  if (!(data instanceof expected)) {
    throw new ShapeError('wrong array type', {
      where: name,
      expected: `${expected.name} for ${dtype}`,
      got: Object.prototype.toString.call(data).slice(8, -1),
    });
  }
  const length = elementCount(name, dims);
  if (data.length !== length) {
    throw new ShapeError('data and dims disagree', {
      where: name,
      expected: `${length} elements for [${dims.join(', ')}]`,
      got: String(data.length),
    });
  }
}
