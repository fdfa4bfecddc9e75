import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice, type Device } from '../runtime/device.js';
import { f32Tensor } from '../runtime/hostTensor.js';
import { finishGraph } from '../tensor/graph.js';
import { createTrace } from '../tensor/trace.js';
import { initialiseWeights } from '../models/weights.js';
import { mlpParameters, traceMlp, type Mlp, type MlpActivation, type MlpOutput } from './mlp.js';

const rows = [0.3, -1.2, 0.8, -0.1, 2, 0.5];
const functions: Readonly<Record<MlpActivation, (x: number) => number>> = {
  relu: (x) => Math.max(x, 0),
  silu: (x) => x / (1 + Math.exp(-x)),
  tanh: Math.tanh,
};

describe('a multilayer perceptron', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.close());

  /** The network on two rows, and the same in plain arithmetic up to the last affine map. */
  async function outputs(activation: MlpActivation, output: MlpOutput): Promise<readonly [number[], number[][]]> {
    const mlp: Mlp = { prefix: 'net', widths: [3, 5, 4, 2], activation, output };
    const store = await initialiseWeights(device, mlpParameters(mlp), 3);
    const trace = createTrace();
    const program = await device.compile(finishGraph(trace, { y: traceMlp(mlp, trace.input('x', 'f32', ['N', 3])) }), {
      store,
    });
    const { y } = await device.run(program, { x: f32Tensor([2, 3], rows) });
    const layers = await Promise.all(
      [0, 1, 2].map(async (layer) => ({
        weight: await device.read(store, `net.${String(layer)}.weight`),
        bias: await device.read(store, `net.${String(layer)}.bias`),
      })),
    );
    const plain = [rows.slice(0, 3), rows.slice(3)].map((row) =>
      layers.reduce<number[]>((x, { weight, bias }, layer) => {
        const sums = [...bias].map((b, o) =>
          x.reduce((sum, each, i) => sum + each * (weight[o * x.length + i] ?? NaN), b),
        );
        return layer < 2 ? sums.map(functions[activation]) : sums;
      }, row),
    );
    return [Array.from(y?.data as Float32Array), plain];
  }

  const expectRows = (got: readonly number[], wanted: readonly (readonly number[])[]): void => {
    wanted.flat().forEach((value, i) => expect(got[i]).toBeCloseTo(value, 6));
    expect(got).toHaveLength(wanted.flat().length);
  };

  it.each(['relu', 'silu', 'tanh'] as const)(
    'with %s is affine maps with the activation between them',
    async (name) => {
      expectRows(...(await outputs(name, { kind: 'linear' })));
    },
  );

  it('ends as it was told: activated, within a box, or on a sphere', async () => {
    const [activated, a] = await outputs('silu', { kind: 'activated' });
    expectRows(
      activated,
      a.map((row) => row.map(functions.silu)),
    );
    const [box, b] = await outputs('relu', { kind: 'tanh', max: 2.5 });
    expectRows(
      box,
      b.map((row) => row.map((x) => 2.5 * Math.tanh(x))),
    );
    const [sphere, s] = await outputs('silu', { kind: 'sphere', radius: 0.6 });
    expectRows(
      sphere,
      s.map((row) => row.map((x) => (0.6 * x) / Math.hypot(...row))),
    );
  });

  it('begins as torch’s nn.Linear: weights and biases uniform within one over the root of the inputs', async () => {
    const store = await initialiseWeights(
      device,
      mlpParameters({ prefix: 'net', widths: [64, 300], activation: 'relu', output: { kind: 'linear' } }),
      0,
    );
    for (const name of ['net.0.weight', 'net.0.bias']) {
      const values = await device.read(store, name);
      const largest = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      expect(largest).toBeLessThanOrEqual(1 / 8);
      expect(largest).toBeGreaterThan(0.98 / 8);
      // The variance of a uniform number in ±b is b²/3.
      const variance = values.reduce((sum, x) => sum + x * x, 0) / values.length;
      expect(Math.abs(variance / (1 / 192) - 1)).toBeLessThan(0.2);
    }
  });

  it('refuses widths that are none', () => {
    expect(() =>
      mlpParameters({ prefix: 'net', widths: [3, 0, 2], activation: 'relu', output: { kind: 'linear' } }),
    ).toThrow(/integers > 0/);
  });
});
