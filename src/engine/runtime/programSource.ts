/** A graph prepared for the worker: lowered to ONNX, with its weights as inputs or as initializers whose bytes the
 *  worker adds. */
import type { Graph, NamedValue } from '../tensor/graph.js';
import { storedWeights, toOnnx } from '../tensor/onnx.js';
import type { ProgramSource, Provider, TensorSpec } from './protocol.js';

export interface ProgramOptions {
  readonly frozen: boolean;
  /** Parameters that stay inputs of a frozen program. */
  readonly live: ReadonlySet<string>;
  readonly provider: Provider;
  readonly int8: ReadonlySet<string>;
}

/** @param storeIds stores that hold the parameters, in the order in which a name is looked up */
export function programSource(graph: Graph, storeIds: readonly number[], options: ProgramOptions): ProgramSource {
  const { frozen, live, provider, int8 } = options;
  const parameters = graph.parameters.map(({ name, shape }) => ({ name, shape: shape.map(Number) }));
  const isFrozen = frozen && parameters.some(({ name }) => !live.has(name));
  // One external file a weight: the worker hands over views wherever the tensors lie, in as many memories as it takes.
  const layout = new Map(
    parameters.map(({ name, shape }) => {
      const length = shape.reduce((product, size) => product * size, 1);
      return [name, { offset: 0, length, location: name }];
    }),
  );
  return {
    onnx: toOnnx(
      graph,
      isFrozen ? { parametersAs: 'externalInitializers', layout, live, provider, int8 } : { provider },
    ),
    inputs: graph.inputs.map(specOf),
    outputs: graph.outputs.map(specOf),
    parameters,
    storeIds,
    initializers: isFrozen ? storedWeights(graph, int8, live) : [],
  };
}

function specOf({ name, dtype, shape }: NamedValue): TensorSpec {
  return { name, dtype, shape };
}
