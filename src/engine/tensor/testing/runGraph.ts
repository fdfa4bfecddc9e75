/** Runs a graph in ONNX Runtime on one thread: for the tests of this room, which stands below the runtime. */
import * as ort from 'onnxruntime-node';
import { present } from '../../../base/invariant.js';
import { evaluateDim } from '../dimension.js';
import type { DType, TensorData } from '../dtype.js';
import { packData } from '../dtype.js';
import type { Graph } from '../value.js';
import { toOnnx, type OnnxOptions } from '../onnx.js';

export interface TestTensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly data: readonly number[];
}

const sessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  logSeverityLevel: 3,
  enableMemPattern: false,
} as const;
const typeNames = { f32: 'float32', i64: 'int64', i32: 'int32', bool: 'bool', u8: 'uint8', i8: 'int8' } as const;

/** Feeds by name (inputs and parameters), results by output name. Checks that every result has the shape its type
 *  promises. */
export async function runGraph(
  graph: Graph,
  feeds: Readonly<Record<string, TestTensor>>,
  options: OnnxOptions = {},
): Promise<Record<string, TestTensor>> {
  const session = await ort.InferenceSession.create(toOnnx(graph, options), sessionOptions);
  try {
    const sizes = symbolSizes(graph, feeds);
    const wanted = [...graph.inputs, ...graph.parameters].map(
      ({ name }) => [name, toOrt(present(feeds[name], `${name} is fed`))] as const,
    );
    const results = await session.run(Object.fromEntries(wanted));
    return Object.fromEntries(
      graph.outputs.map(({ name, dtype, shape }) => {
        const result = present(results[name], `${name} is returned`);
        const expected = shape.map((dim) => evaluateDim(dim, sizes));
        if (expected.join() !== result.dims.join())
          throw new Error(`${name}: promised [${expected.join()}], got [${result.dims.join()}]`);
        return [
          name,
          { dtype, dims: result.dims, data: Array.from<number | bigint, number>(result.data as TensorData, Number) },
        ];
      }),
    );
  } finally {
    await session.release();
  }
}

/** Reads each symbolic size off the fed tensors. */
export function symbolSizes(graph: Graph, feeds: Readonly<Record<string, TestTensor>>): Record<string, number> {
  const sizes: Record<string, number> = {};
  for (const { name, shape } of graph.inputs) {
    shape.forEach((dim, axis) => {
      if (typeof dim === 'string') sizes[dim] = present(feeds[name]?.dims[axis], `${name} is fed`);
    });
  }
  return sizes;
}

function toOrt({ dtype, dims, data }: TestTensor): ort.Tensor {
  return new ort.Tensor(typeNames[dtype], packData(dtype, data) as Float32Array, dims);
}
