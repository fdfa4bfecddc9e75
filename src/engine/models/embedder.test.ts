import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyModel } from '../../../tests/fakes/tinyModel.js';
import { type Device, openDevice } from '../runtime/device.js';
import { loadEmbedder, openEmbedder } from './embedder.js';
import { openLanguageModel } from './languageModel.js';
import { goldenCheckpoint, goldenFolder, readGolden, relativeDifference } from './testing/goldenModels.js';

type PooledStates = Readonly<Record<'last' | 'mean', readonly number[]>>;

/** By variant, sequence and layer; written by tests/golden/hiddenStates.py. */
const golden = JSON.parse(readFileSync(join(goldenFolder, '../hiddenStates/states.json'), 'utf8')) as Readonly<
  Record<string, readonly (readonly PooledStates[])[]>
>;

let device: Device;
beforeAll(async () => {
  device = await openDevice({ threads: 1 });
});
afterAll(() => device.close());

describe.each(Object.entries(golden))('states of %s', (variant, states) => {
  const path = `../${variant}`;
  const sequences = readGolden(path).sequences;

  it.each(['last', 'mean'] as const)('are those of transformers at every layer, pooled by %s', async (pooling) => {
    const layers = states[0]?.length ?? 0;
    expect(layers).toBeGreaterThan(2);
    for (let layer = 0; layer < layers; layer++) {
      const embedder = await loadEmbedder(device, goldenCheckpoint(path), { pooling, layer });
      const vectors = await embedder.embed(sequences);
      states.forEach((row, i) => {
        expect(vectors[i]).toHaveLength(embedder.width);
        // Float32 sums in another order.
        expect(relativeDifference(vectors[i] ?? [], row[layer]?.[pooling] ?? [])).toBeLessThan(1e-5);
      });
      await embedder.close();
    }
  });
});

describe('an embedder over a decoder', () => {
  it('counts negative layers from the end, and names those that there are', async () => {
    const model = await openLanguageModel(device, goldenCheckpoint('llama-tied'));
    const sequences = readGolden('llama-tied').sequences;
    const embed = async (layer: number): Promise<readonly Float32Array[]> => {
      const embedder = await openEmbedder(model, { layer });
      const vectors = await embedder.embed(sequences);
      await embedder.close();
      return vectors;
    };
    expect(await embed(-1)).toEqual(await embed(2));
    expect(await embed(-3)).toEqual(await embed(0));
    await expect(openEmbedder(model, { layer: 3 })).rejects.toThrow(/0 \(the embeddings\) to 2 \(the last\)/);
    await expect(openEmbedder(model, { layer: -4 })).rejects.toThrow(/no such layer/);
    await model.close();
  });

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
