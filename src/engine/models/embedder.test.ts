import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyModel } from '../../../tests/fakes/tinyModel.js';
import { type Device, openDevice } from '../runtime/device.js';
import { openEmbedder } from './embedder.js';

describe('an embedder over a decoder', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
  });
  afterAll(() => device.close());

  it('pooled by the mean: the mean over a text’s beginnings of the state of their last token, whatever the padding', async () => {
    const model = await tinyModel(device);
    const [last, mean] = [await openEmbedder(model), await openEmbedder(model, { pooling: 'mean' })];
    const ids = model.tokenizer.encode('good day');
    const states = await last.embed(ids.map((_, i) => ids.slice(0, i + 1)));
    const [together] = await mean.embed([ids, model.tokenizer.encode('a much longer text beside it')]);
    // 1e-5: sums of float32 in another order.
    expect(together).toHaveLength(mean.width);
    together?.forEach((value, c) =>
      expect(value).toBeCloseTo(states.reduce((sum, state) => sum + (state[c] ?? NaN), 0) / ids.length, 5),
    );
  });
});
