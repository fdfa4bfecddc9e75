/** The products of k-means on a device: the points stay there, in chunks, and a call is one matrix product per chunk.
 *  While the calling thread reads the products of a chunk, the device makes those of the next. */
import { present } from '../base/invariant.js';
import { f32Tensor } from '../engine/runtime/hostTensor.js';
import type { Device, Program } from '../engine/runtime/device.js';
import { finishGraph } from '../engine/tensor/graph.js';
import { matmul } from '../engine/tensor/ops/all.js';
import { createTrace } from '../engine/tensor/trace.js';
import type { OpenPointProducts } from '../stats/pointProducts.js';

/** Elements of a chunk of points, and of its products with 100 vectors: tens of megabytes at most. */
const chunkElements = 2 ** 22;

export function deviceProducts(device: Device): OpenPointProducts {
  return async ({ count, width, values_NC }) => {
    const chunkPoints = Math.max(1, Math.floor(chunkElements / width));
    const firsts = Array.from({ length: Math.ceil(count / chunkPoints) }, (_, chunk) => chunk * chunkPoints);
    const chunks = firsts.map((first) => ({
      first,
      name: `points.${String(first)}`,
      shape: [Math.min(chunkPoints, count - first), width],
    }));
    const store = await device.createStore(chunks);
    const programs: Program[] = [];
    for (const { first, name, shape } of chunks) {
      await device.write(store, name, values_NC.subarray(first * width, first * width + (shape[0] ?? 0) * width));
      const trace = createTrace();
      const products_RK = matmul(trace.parameter(name, shape), trace.input('vectors', 'f32', ['K', width]), {
        transposeB: true,
      });
      programs.push(await device.compile(finishGraph(trace, { products: products_RK }), { store }));
    }
    return {
      multiply: async (vectors_KC, take) => {
        const vectors = f32Tensor([vectors_KC.length / width, width], vectors_KC);
        const run = (chunk: number): ReturnType<Device['run']> | null => {
          const program = programs[chunk];
          return program === undefined ? null : device.run(program, { vectors });
        };
        let running = run(0);
        for (const [chunk, first] of firsts.entries()) {
          const { products } = await present(running, 'a product per chunk');
          running = run(chunk + 1);
          take(present(products, 'the program has the output').data as Float32Array, first);
        }
      },
      close: async () => {
        for (const program of programs) await device.release(program);
        await device.release(store);
      },
    };
  };
}
