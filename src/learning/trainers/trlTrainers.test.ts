/** Against TRL's own trainer, not a rewriting of its formulas: tests/golden/trlTrainers.py ran DPOTrainer.compute_loss.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byteTokenizer } from '../../../tests/fakes/byteTokenizer.js';
import { present } from '../../base/invariant.js';
import { openSafetensors } from '../../engine/models/checkpoints/safetensors.js';
import { copyLanguageModel, createLanguageModel, type LanguageModel } from '../../engine/models/languageModel.js';
import { languageModelParameters } from '../../engine/models/parameters.js';
import { writeTensors } from '../../engine/models/weights.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { cutPairs, pairFeeds } from './pairFeeds.js';
import { createPreferenceTrainer, defaultPreference, preferenceLoss, type PreferenceOptions } from './preference.js';
import { restoreWeights } from './trainerState.js';
import type { TrainingPair } from './trainingData.js';
import { gradientGraph, scalarOf } from './weightTrainer.js';

interface Golden {
  readonly pairs: readonly TrainingPair[];
  readonly policyChosen: readonly number[];
  readonly policyRejected: readonly number[];
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
}

interface Outcome {
  readonly loss: number;
  readonly policy: readonly (readonly number[])[];
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

const folder = fileURLToPath(new URL('../../../tests/golden/trlTrainers/', import.meta.url));
const readGolden = (name: string): Golden => JSON.parse(readFileSync(`${folder}${name}.json`, 'utf8')) as Golden;

/** TRL sums for DPO and averages over tokens for IPO. */
const cases = {
  sigmoid: { ...defaultPreference, loss: 'dpo', beta: 0.1, logProbs: 'sum' },
  ipo: { ...defaultPreference, loss: 'ipo', beta: 0.2, logProbs: 'mean' },
  rpo: { ...defaultPreference, loss: 'dpo', beta: 0.1, logProbs: 'sum', nll: 0.7 },
} as const satisfies Record<string, PreferenceOptions>;
const names = Object.keys(cases) as (keyof typeof cases)[];

describe('the preference trainer and TRL’s DPOTrainer', () => {
  let device: Device;
  let model: LanguageModel;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    const config = JSON.parse(readFileSync(`${folder}model/config.json`, 'utf8')) as Record<string, unknown>;
    model = await createLanguageModel(device, config, byteTokenizer(), 0);
    await restoreWeights(`${folder}model`, model);
  });
  afterAll(() => device.close());

  const gradientsOf = async (pairs: readonly TrainingPair[], options: PreferenceOptions): Promise<Outcome> => {
    const parameters = languageModelParameters(model.architecture);
    const graph = gradientGraph(parameters, (trace) => preferenceLoss(options)(trace, model.architecture));
    const program = await device.compile(graph, { store: model.weights });
    const gradients = await device.createStore(parameters);
    const packing = { ...options, toxic: false, margin: false };
    const microbatches = cutPairs(pairs, packing);
    const policy = pairs.map(() => [NaN, NaN]);
    let loss = 0;
    for (const rows of microbatches) {
      const result = await device.accumulate(program, pairFeeds(rows, pairs, packing), gradients);
      loss += scalarOf(result, 'loss');
      const read = (name: string, i: number): number => Number(present(result[name], name).data[i]);
      rows.flat().forEach((pair, i) => (policy[pair] = [read('policyChosen', i), read('policyRejected', i)]));
    }
    const values = new Map(
      await Promise.all(parameters.map(async ({ name }) => [name, await device.read(gradients, name)] as const)),
    );
    await device.release(program);
    await device.release(gradients);
    return { loss, policy, gradients: values };
  };

  it.each(names.flatMap((name) => (['shared', 'separate'] as const).map((rows) => ({ name, rows }))))(
    '$name, $rows rows: the loss and the gradient of every parameter are TRL’s, to 1e-5 of the largest gradient',
    async ({ name, rows }) => {
      const golden = readGolden(name);
      const ours = await gradientsOf(golden.pairs, { ...cases[name], rows });
      expect(Math.abs(ours.loss - golden.loss)).toBeLessThan(1e-5 * Math.max(1, golden.loss));
      const theirs = await readTensors(`${folder}${name}.safetensors`);
      expect([...ours.gradients.keys()].sort()).toEqual([...theirs.keys()].sort());
      const largest = Math.max(...[...theirs.values()].flatMap((values) => [...values].map(Math.abs)));
      let worst = 0;
      for (const [key, values] of theirs) {
        present(ours.gradients.get(key), key).forEach(
          (value, i) => (worst = Math.max(worst, Math.abs(value - (values[i] as number)))),
        );
      }
      expect(worst / largest).toBeLessThan(1e-5);
    },
  );

  it.each(names)('%s: the log-probability of every reply is TRL’s', async (name) => {
    const golden = readGolden(name);
    const { policy } = await gradientsOf(golden.pairs, cases[name]);
    golden.pairs.forEach(({ chosen, rejected }, i) => {
      const perToken = cases[name].logProbs === 'mean';
      const lengths = perToken ? [chosen.length, rejected.length] : [1, 1];
      const sums = [golden.policyChosen[i], golden.policyRejected[i]];
      const wanted = sums.map((sum, k) => (sum as number) / (lengths[k] as number));
      wanted.forEach((value, k) =>
        expect(Math.abs((policy[i]?.[k] as number) - value)).toBeLessThan(1e-5 * Math.abs(value)),
      );
    });
  });

  it.each(['sigmoid', 'rpo'] as const)('%s: what a step logs under TRL’s names is what TRL logs', async (name) => {
    const golden = readGolden(name);
    const fresh = await copyLanguageModel(model, { trainable: true });
    const trainer = await createPreferenceTrainer(fresh, cases[name]);
    const log = await trainer.train(golden.pairs);
    expect(Object.keys(golden.metrics)).toHaveLength(6);
    for (const [key, value] of Object.entries({ ...golden.metrics, loss: golden.loss }))
      expect(log[key]).toBeCloseTo(value, 4);
    await trainer.release();
    await fresh.close();
  });

  async function readTensors(path: string): Promise<ReadonlyMap<string, Float32Array>> {
    const file = await openSafetensors(path);
    try {
      const specs = [...file.tensors].map(([name, { shape }]) => ({ name, shape }));
      const store = await device.createStore(specs);
      await writeTensors(device, store, file.tensors);
      return new Map(await Promise.all(specs.map(async ({ name }) => [name, await device.read(store, name)] as const)));
    } finally {
      await file.close();
    }
  }
});
