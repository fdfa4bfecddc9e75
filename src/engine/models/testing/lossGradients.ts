/** For tests: computes the gradients of a weighted sum of token log-probabilities, by parameter. */
import { present } from '../../../base/invariant.js';
import { f32Tensor, type HostTensor } from '../../runtime/hostTensor.js';
import type { Device } from '../../runtime/device.js';
import type { TensorStore } from '../../runtime/tensorStore.js';
import { differentiate } from '../../tensor/differentiate.js';
import { finishGraph } from '../../tensor/graph.js';
import { mul, reduceSum } from '../../tensor/ops/all.js';
import { createTrace } from '../../tensor/trace.js';
import type { Trace, Value } from '../../tensor/value.js';
import type { ParameterSpec } from '../family.js';
import { traceParameters } from '../parameters.js';

export interface LossGradients {
  readonly loss: number;
  readonly values: Float32Array;
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

export interface LossCase {
  /** Traces the values from inputs that `feeds` holds. */
  readonly build: (trace: Trace) => Value;
  /** One factor per value. */
  readonly factors: readonly number[];
  readonly feeds: Readonly<Record<string, HostTensor>>;
}

/** Computes Σ factors · values and its gradients. */
export async function lossGradients(
  device: Device,
  weights: TensorStore | readonly TensorStore[],
  specs: readonly ParameterSpec[],
  { build, factors, feeds }: LossCase,
): Promise<LossGradients> {
  const trace = createTrace();
  const values = build(trace);
  const loss = reduceSum(
    mul(values, trace.input('factors', 'f32', values.shape)),
    values.shape.map((_, axis) => axis),
  );
  const parameters = traceParameters(specs, trace);
  const outputs: Record<string, Value> = { loss, values };
  const gradients = differentiate(loss, [...parameters.values()]);
  for (const [name, parameter] of parameters) {
    const { dense, rows } = present(gradients.get(parameter), `${name} has a gradient`);
    if (dense !== null) outputs[`grad:${name}`] = dense;
    rows.forEach((part, i) => {
      outputs[`rows:${name}:${String(i)}:ids`] = part.ids;
      outputs[`rows:${name}:${String(i)}:rows`] = part.rows;
    });
  }
  const program = await device.compile(finishGraph(trace, outputs), { store: weights });
  const store = await device.createStore(specs);
  const dims =
    values.shape.length === 1 ? [factors.length] : [factors.length / Number(values.shape[1]), Number(values.shape[1])];
  const result = await device.accumulate(program, { ...feeds, factors: f32Tensor(dims, factors) }, store);
  const read = await Promise.all(specs.map(async ({ name }) => [name, await device.read(store, name)] as const));
  await device.release(program);
  await device.release(store);
  return {
    loss: Number(present(result['loss'], 'loss').data[0]),
    values: present(result['values'], 'values').data as Float32Array,
    gradients: new Map(read),
  };
}
