/** Sampling from weights in 8 bits, beside the same weights in f32. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byteTokenizer } from '../../../tests/fakes/byteTokenizer.js';
import { tinyConfig } from '../../../tests/fakes/tinyModel.js';
import { openStream, streamKey } from '../../base/random.js';
import { openDevice, plainSampling, type Device } from '../runtime/device.js';
import { generate, type GenerateRequest } from './generate.js';
import { createLanguageModel, type LanguageModel, type Precision } from './languageModel.js';
import { languageModelParameters } from './parameters.js';

const families = {
  llama: { ...tinyConfig, num_hidden_layers: 5 },
  gpt2: {
    model_type: 'gpt2',
    n_embd: 16,
    n_head: 2,
    n_layer: 5,
    vocab_size: 264,
    n_positions: 256,
    initializer_range: 0.3,
    tie_word_embeddings: false,
  },
} as const;

describe.each(Object.entries(families))('%s in 8 bits', (_, config) => {
  let device: Device;
  let model: LanguageModel;
  beforeAll(async () => {
    device = await openDevice();
    model = await createLanguageModel(device, config, byteTokenizer(), 3);
  });
  afterAll(() => device.close());

  const draw = openStream(streamKey(0, 'ids'));
  const requests = Array.from({ length: 6 }, (_each, i): GenerateRequest => ({
    ids: Array.from({ length: 10 + i }, () => draw.integer(256)),
    stream: streamKey(i, 'row'),
    scoreFrom: 1,
  }));
  const speak = (rows: readonly GenerateRequest[], precision: Precision): ReturnType<typeof generate> =>
    generate(model, rows, { ...plainSampling, maxNewTokens: 5, precision });
  const scores = async (precision: Precision): Promise<readonly number[]> =>
    (await speak(requests, precision)).flatMap(({ scored }) => scored ?? []);
  const meanDifference = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] ?? NaN)), 0) / a.length;

  it('log-probabilities are near those of f32, and not the same', async () => {
    const difference = meanDifference(await scores('int8'), await scores('f32'));
    expect(difference).toBeGreaterThan(0);
    expect(difference).toBeLessThan(0.1);
  });

  it('what a row gives does not depend on its neighbours', async () => {
    const together = await speak(requests, 'int8');
    for (const [i, request] of requests.entries()) {
      const [alone] = await speak([request], 'int8');
      expect(alone?.ids).toEqual(together[i]?.ids);
      alone?.logProbs.forEach((logProb, t) => {
        expect(logProb).toBeCloseTo(together[i]?.logProbs[t] ?? NaN, 4);
      });
    }
  });

  it('follows the weights when they change', async () => {
    const before = await scores('int8');
    for (const { name } of languageModelParameters(model.architecture)) {
      await device.write(
        model.weights,
        name,
        (await device.read(model.weights, name)).map((value) => value * 1.2),
      );
    }
    const after = await scores('int8');
    expect(meanDifference(after, before)).toBeGreaterThan(0.1);
    expect(meanDifference(after, await scores('f32'))).toBeLessThan(0.1);
  });
});
