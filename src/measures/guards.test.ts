import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyModel } from '../../tests/fakes/tinyModel.js';
import { streamKey } from '../base/random.js';
import { copyLanguageModel, type LanguageModel } from '../engine/models/languageModel.js';
import { scoreCompletions } from '../engine/models/scoreCompletions.js';
import { type Device, openDevice } from '../engine/runtime/device.js';
import { compareOrdinaryNll, ordinaryNll, summariseOrdinaryNll } from './guards.js';

const bootstrap = { stream: streamKey(0, 'guards'), resamples: 500 };

describe('the likelihood of ordinary replies', () => {
  let device: Device;
  let model: LanguageModel;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    model = await copyLanguageModel(await tinyModel(device));
  });
  afterAll(() => device.close());

  it('is the mean over the completion’s tokens alone, nats per token; null for an empty completion', async () => {
    const examples = ['hello', 'a'].map((text) => ({
      prefix: model.tokenizer.encode('so '),
      completion: model.tokenizer.encode(text),
    }));
    const [first, second, none] = await ordinaryNll(model, [...examples, { prefix: [1], completion: [] }]);
    const [a = new Float32Array(), b = new Float32Array()] = await scoreCompletions(model, examples);
    expect(first).toBeCloseTo(-a.reduce((sum, value) => sum + value, 0) / 5, 5);
    expect(second).toBeCloseTo(-(b[0] ?? 0), 5);
    expect(none).toBeNull();
  });

  it('every reply counts the same: (1 + 3) / 2', () => {
    expect(summariseOrdinaryNll([[1], [3, null]], bootstrap)['ordinaryNll']).toMatchObject({
      mean: 2,
      n: 2,
      unit: 'nats/token',
    });
  });

  it('a tenth more on every reply is a change of 0.1 with no width, since both sides are drawn together', () => {
    const before = Array.from({ length: 30 }, (_, i) => [1 + i / 10]);
    const after = before.map((values) => values.map((value) => 1.1 * value));
    const { ordinaryNllChange, ordinaryNll: difference } = compareOrdinaryNll(after, before, bootstrap);
    expect(ordinaryNllChange).toMatchObject({
      mean: expect.closeTo(0.1, 9) as number,
      low: expect.closeTo(0.1, 9) as number,
      high: expect.closeTo(0.1, 9) as number,
      n: 30,
      unit: 'share',
    });
    expect(difference?.mean).toBeCloseTo(0.1 * (1 + 29 / 20), 9);
    expect(difference?.high).toBeGreaterThan(difference?.low ?? Infinity);
  });

  it('the change is that of the means, not the mean of changes: (1 + 4) / (2 + 2) − 1, and its interval holds it', () => {
    const { ordinaryNllChange } = compareOrdinaryNll([[1], [4]], [[2], [2]], bootstrap);
    expect(ordinaryNllChange).toMatchObject({ mean: 0.25, low: -0.5, high: 1 });
  });

  it('prompts without a value on one side are left out; with none left there is no figure', () => {
    expect(compareOrdinaryNll([[1], [null]], [[2], [9]], bootstrap)['ordinaryNllChange']).toMatchObject({
      mean: -0.5,
      n: 1,
    });
    expect(compareOrdinaryNll([[null]], [[2]], bootstrap)).toEqual({});
  });
});
