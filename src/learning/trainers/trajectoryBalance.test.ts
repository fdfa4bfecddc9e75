import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byteTokenizer } from '../../../tests/fakes/byteTokenizer.js';
import { tinyModel } from '../../../tests/fakes/tinyModel.js';
import { present } from '../../base/invariant.js';
import { sumOf } from '../../base/sums.js';
import { copyLanguageModel, createLanguageModel, type LanguageModel } from '../../engine/models/languageModel.js';
import { defaultAdamw } from '../../engine/optim/adamw.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { numbers } from '../formulas/numbers.js';
import { trajectoryBalance } from '../formulas/trajectoryBalance.js';
import { createBalanceTrainer, type BalanceSample } from './trajectoryBalance.js';
import { restoreWeights } from './trainerState.js';

const folder = fileURLToPath(new URL('../../../tests/golden/', import.meta.url));

/** Log-probabilities and values that torch reads of completions under a small Llama with a value head (tests/golden/policyGradient.py). */
const golden = JSON.parse(readFileSync(`${folder}policyGradient/model.json`, 'utf8')) as {
  readonly head: Readonly<Record<string, number[]>>;
  readonly samples: readonly Record<'prefix' | 'completion' | 'logProbs' | 'values', number[]>[];
};
const still = { ...defaultAdamw, learningRate: 0, maxGradientNorm: 1e9 };

describe('the trainer of trajectory balance', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
  });
  afterAll(() => device.close());

  async function goldenModel(): Promise<LanguageModel> {
    const config = JSON.parse(readFileSync(`${folder}trlTrainers/model/config.json`, 'utf8')) as object;
    const llama = await createLanguageModel(device, { ...config }, byteTokenizer(), 0);
    await restoreWeights(`${folder}trlTrainers/model`, { device, weights: llama.weights });
    const model = await copyLanguageModel(llama, { trainable: true, valueHead: { kind: 'linear', seed: 0 } });
    for (const [name, values] of Object.entries(golden.head))
      await device.write(model.weights, name, Float32Array.from(values));
    return model;
  }

  const samples = golden.samples.map(({ prefix, completion }, i): BalanceSample => ({
    prefix,
    completion,
    logReward: -3 * i - 5,
  }));

  it('is the mean of (log Z + log π − log R)², by torch’s log-probabilities and its head’s value of each prompt, however rows are packed', async () => {
    const expected =
      sumOf(
        golden.samples.map(({ logProbs, values }, i) =>
          trajectoryBalance(numbers, {
            logZ: present(values[0], 'a value'),
            logProb: sumOf(logProbs),
            logReward: present(samples[i], 'a sample').logReward,
          }),
        ),
      ) / golden.samples.length;
    const model = await goldenModel();
    for (const rows of ['shared', 'separate'] as const) {
      for (const microbatchTokens of [24, 1024]) {
        const trainer = await createBalanceTrainer(model, { rows, microbatchTokens, optimizer: still });
        const log = await trainer.train(samples);
        expect(present(log['loss'], 'a loss') / expected).toBeCloseTo(1, 5);
        expect(log['balance/logProb']).toBeCloseTo(
          sumOf(golden.samples.map(({ logProbs }) => sumOf(logProbs))) / samples.length,
          3,
        );
        await trainer.release();
      }
    }
    await model.close();
  });

  it('has the gradient of its loss: the head’s bias as the formula has it, every weight along its own direction', async () => {
    const model = await goldenModel();
    const trainer = await createBalanceTrainer(model, {
      optimizer: { ...still, learningRate: 1e-5, maxGradientNorm: 1e9 },
    });
    const before = await trainer.train(samples);
    const after = await trainer.train(samples);
    // AdamW's first step moves each weight by the rate against the sign of its gradient.
    expect(Number(after['loss'])).toBeLessThan(Number(before['loss']));
    const residual = golden.samples.map(
      ({ logProbs, values }, i) =>
        present(values[0], 'a value') + sumOf(logProbs) - present(samples[i], 'a sample').logReward,
    );
    const bias = 2 * (sumOf(residual) / residual.length);
    expect(Number(before['grad_norm'])).toBeGreaterThan(Math.abs(bias));
    await trainer.release();
    await model.close();
  });

  it('comes to rest where completions are as probable as their rewards ask, and learns log Z beside', async () => {
    const base = await tinyModel(device);
    const model = await copyLanguageModel(base, { trainable: true, valueHead: { kind: 'linear', seed: 1 } });
    const trainer = await createBalanceTrainer(model, { optimizer: { ...defaultAdamw, learningRate: 1e-2 } });
    const prefix = [97, 98, 99];
    // Two completions with rewards 8 : 1.
    const asked = [
      { prefix, completion: [100], logReward: Math.log(8) },
      { prefix, completion: [101], logReward: 0 },
    ];
    let log: Readonly<Record<string, number>> = {};
    for (let i = 0; i < 150; i++) log = await trainer.train(asked);
    expect(log['loss']).toBeLessThan(1e-2);
    // log Z − its rest: both say log R − log Z, so their mean is known.
    expect(Number(log['balance/logZ']) + Number(log['balance/logProb'])).toBeCloseTo(Math.log(8) / 2, 1);
    await trainer.release();
    await model.close();
  });
});
