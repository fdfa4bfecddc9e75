/** A small network in front of a frozen language model: its output is the rows of soft tokens, one graph holds both, and
 *  only the network is trained. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyModel } from '../../../tests/fakes/tinyModel.js';
import type { ParameterSpec } from '../../engine/models/family.js';
import { generate } from '../../engine/models/generate.js';
import { hashLanguageModel, type LanguageModel } from '../../engine/models/languageModel.js';
import { packSequences, type Sequence } from '../../engine/models/packSequences.js';
import { scoreCompletions } from '../../engine/models/scoreCompletions.js';
import { traceTokenLogProbs } from '../../engine/models/tokenLogProbs.js';
import { initialiseWeights } from '../../engine/models/weights.js';
import { normal, zeros } from '../../engine/nn/init.js';
import { defaultAdamw } from '../../engine/optim/adamw.js';
import { openDevice, plainSampling, type Device, type TensorStore } from '../../engine/runtime/device.js';
import { streamKey } from '../../base/random.js';
import { f32Tensor, type HostTensor } from '../../engine/runtime/hostTensor.js';
import { add, matmul, neg, reduceMean, reshape } from '../../engine/tensor/ops/all.js';
import { createTrace } from '../../engine/tensor/trace.js';
import { finishGraph } from '../../engine/tensor/graph.js';
import type { Trace, Value } from '../../engine/tensor/value.js';
import {
  createTrainer,
  gradientGraph,
  type LossGraph,
  type TrainedModel,
  type WeightTrainer,
} from './weightTrainer.js';

const [features, prefixRows] = [3, 2];
const states = [
  [1, 0, -1],
  [0, 2, 1],
];

let device: Device;
let model: LanguageModel;
let weights: TensorStore;
let parameters: readonly ParameterSpec[];
beforeAll(async () => {
  device = await openDevice({ threads: 1 });
  model = await tinyModel(device);
  const { width } = model.architecture.config;
  parameters = [
    { name: 'planner.weight', shape: [features, prefixRows * width], initial: normal(0.02) },
    { name: 'planner.bias', shape: [prefixRows * width], initial: zeros },
  ];
  weights = await initialiseWeights(device, parameters, 7);
});
afterAll(() => device.close());

/** Item b has the soft rows prefixRows · b and the next behind its first token. */
const steered = (ids: readonly number[], b: number): readonly number[] => [
  ...ids.slice(0, 1),
  ...Array.from({ length: prefixRows }, (_, i) => model.vocabularySize + prefixRows * b + i),
  ...ids.slice(1),
];

const items = (): readonly Sequence[] =>
  [
    { prompt: 'good day', reply: ' sir' },
    { prompt: 'and you?', reply: ' well!' },
  ].map(({ prompt, reply }, b) => ({
    prefix: steered(model.tokenizer.encode(prompt), b),
    completion: model.tokenizer.encode(reply),
  }));

/** states f32 [B, features] → soft rows f32 [2 B, C] */
function traceRows(trace: Trace): Value {
  const { width } = model.architecture.config;
  const [map, bias] = parameters.map(({ name, shape }) => trace.parameter(name, shape)) as [Value, Value];
  const rows_BN = add(matmul(trace.input('states', 'f32', ['B', features]), map), bias);
  return reshape(rows_BN, ['2*B', width]);
}

function buildLoss(trace: Trace): LossGraph {
  const logProbs_N = traceTokenLogProbs(model.architecture, {
    ids_BT: trace.input('ids', 'i64', ['B', 'T']),
    positions_BT: trace.input('positions', 'i64', ['B', 'T']),
    rows_N: trace.input('rows', 'i64', ['N']),
    targets_N: trace.input('targets', 'i64', ['N']),
    attention: { kind: 'causal' },
    soft_SC: traceRows(trace),
  });
  return { loss: neg(reduceMean(logProbs_N, [0])), outputs: {} };
}

function feeds(packed = packSequences(items(), model.vocabularySize)): Readonly<Record<string, HostTensor>> {
  return {
    ids: packed.ids_BT,
    positions: packed.positions_BT,
    rows: packed.rows_N,
    targets: packed.targets_N,
    states: f32Tensor([states.length, features], states.flat()),
  };
}

function openTrainer(): Promise<WeightTrainer> {
  const trained: TrainedModel = { device, weights, parameters, frozen: [model.weights], save: () => Promise.resolve() };
  return createTrainer(trained, buildLoss, { ...defaultAdamw, learningRate: 0.1 });
}

describe('a linear map in front of a frozen language model', () => {
  it('has gradients of its own parameters alone', () => {
    const { outputs } = gradientGraph(parameters, buildLoss);
    expect(outputs.map(({ name }) => name)).toEqual(['loss', 'grad:planner.weight', 'grad:planner.bias']);
  });

  it('learns to make replies likely, and the language model stays as it is', async () => {
    const before = await hashLanguageModel(model);
    const trainer = await openTrainer();
    const losses: number[] = [];
    for (let step = 0; step < 40; step++) losses.push((await trainer.update([feeds()])).report.loss);
    await trainer.release();
    expect(losses.at(-1)).toBeLessThan(0.7 * (losses[0] ?? 0));
    expect(await hashLanguageModel(model)).toBe(before);
  });

  it('is not trained to say a soft token: the update fails, and the weights stay', async () => {
    const trainer = await openTrainer();
    const before = await device.hash(weights);
    const [first, ...others] = items();
    const wrong = packSequences([{ prefix: first?.prefix ?? [], completion: [model.vocabularySize + 1] }, ...others]);
    await expect(trainer.update([feeds(wrong)])).rejects.toThrow(/could not run[^]*bounds/);
    expect(await device.hash(weights)).toBe(before);
    await trainer.release();
  });

  it('gives rows with which generation and scoring read what training read', async () => {
    const trace = createTrace();
    const program = await device.compile(finishGraph(trace, { soft: traceRows(trace) }), { store: weights });
    const { soft } = await device.run(program, { states: f32Tensor([states.length, features], states.flat()) });
    await device.release(program);
    const trainer = await openTrainer();
    const { report } = await trainer.update([feeds()]);
    await trainer.release();
    const scored = (await scoreCompletions(model, items(), { soft })).flatMap((each) => [...each]);
    // Float32 sums in another order.
    expect(-scored.reduce((sum, each) => sum + each, 0) / scored.length).toBeCloseTo(report.loss, 4);
    const requests = items().map(({ prefix }, b) => ({ ids: prefix, stream: streamKey(1, 'steered', b) }));
    const replies = await generate(model, requests, { ...plainSampling, temperature: 0, maxNewTokens: 4, soft });
    const unsteered = requests.map((request) => ({
      ...request,
      ids: request.ids.filter((id) => id < model.vocabularySize),
    }));
    const plain = await generate(model, unsteered, { ...plainSampling, temperature: 0, maxNewTokens: 4 });
    expect(replies.map(({ ids }) => ids)).not.toEqual(plain.map(({ ids }) => ids));
  });
});
