/** Typed arrays as tensors of ONNX Runtime, without a copy. */
import * as ort from 'onnxruntime-node';
import type { DType } from '../tensor/dtype.js';
import type { HostTensor } from './hostTensor.js';

const ortTypes = {
  f32: 'float32',
  i64: 'int64',
  i32: 'int32',
  bool: 'bool',
  u8: 'uint8',
  i8: 'int8',
} as const satisfies Record<DType, string>;

export function ortTensor(dtype: DType, data: HostTensor['data'], dims: readonly number[]): ort.Tensor {
  return new ort.Tensor(ortTypes[dtype], data as Float32Array, dims);
}
