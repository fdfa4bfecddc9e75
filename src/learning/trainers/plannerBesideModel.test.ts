import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyModel } from '../../../tests/fakes/tinyModel.js';
import { packSequences } from '../../engine/models/packSequences.js';
import { traceTokenLogProbs } from '../../engine/models/tokenLogProbs.js';
import { initialiseWeights } from '../../engine/models/weights.js';
import { mlpParameters, traceMlp, type Mlp } from '../../engine/nn/mlp.js';
import { defaultAdamw } from '../../engine/optim/adamw.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { f32Tensor } from '../../engine/runtime/hostTensor.js';
import { neg, reduceMean, reshape } from '../../engine/tensor/ops/all.js';
import { tokenInputs } from './tokenInputs.js';
import { createTrainer } from './weightTrainer.js';

const ids = (text: string): number[] => [...Buffer.from(text)];

describe('a small network beside a frozen language model', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
  });
  afterAll(() => device.close());

  it('learns through the model, in one graph, which prefix brings a text about; the model’s weights stay', async () => {
    const model = await tinyModel(device);
    const { width } = model.architecture.config;
    const before = await device.hash(model.weights);
    // Two soft tokens per state.
    const planner: Mlp = {
      prefix: 'planner',
      widths: [3, 8, 2 * width],
      activation: 'silu',
      output: { kind: 'linear' },
    };
    const parameters = mlpParameters(planner);
    const weights = await initialiseWeights(device, parameters, 0);
    const trainer = await createTrainer(
      { device, parameters, weights, frozen: [model.weights], save: () => Promise.resolve() },
      (trace) => {
        const rows_BS = traceMlp(planner, trace.input('states', 'f32', ['P', 3]));
        const inputs = { ...tokenInputs(trace, 'causal'), soft_SC: reshape(rows_BS, ['2*P', width]) };
        return { loss: neg(reduceMean(traceTokenLogProbs(model.architecture, inputs), [0])), outputs: {} };
      },
      { ...defaultAdamw, learningRate: 3e-2 },
    );
    const [start = 0] = ids('a');
    const softRow = (row: number): number => model.vocabularySize + row;
    const packed = packSequences([
      { prefix: [start, softRow(0), softRow(1)], completion: ids('sun') },
      { prefix: [start, softRow(2), softRow(3)], completion: ids('moon') },
    ]);
    const feeds = {
      ids: packed.ids_BT,
      positions: packed.positions_BT,
      rows: packed.rows_N,
      targets: packed.targets_N,
      states: f32Tensor([2, 3], [1, 0, -1, -1, 0.5, 1]),
    };
    const losses: number[] = [];
    for (let step = 0; step < 30; step++) losses.push((await trainer.update([feeds])).report.loss);
    expect(losses.at(-1)).toBeLessThan(0.6 * (losses[0] ?? NaN));
    expect(await device.hash(model.weights)).toBe(before);
    await trainer.release();
    await model.close();
  });
});
