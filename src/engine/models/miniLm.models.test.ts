import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice, type Device } from '../runtime/device.js';
import { loadEmbedder, type Embedder } from './embedder.js';
import { classify, headSequenceClassifier } from './sequenceClassifier.js';
import { resolveMiniLm } from './testing/miniLm.js';

// tests/golden/miniLm.py, from transformers on the same files.
const golden = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../../../tests/golden/miniLm/embeddings.json'), 'utf8'),
) as readonly {
  readonly text: string;
  readonly ids: readonly number[];
  readonly vector: readonly number[];
}[];

describe('all-MiniLM-L6-v2', () => {
  let device: Device;
  let embedder: Embedder;
  beforeAll(async () => {
    device = await openDevice({ threads: 2 });
    embedder = await loadEmbedder(device, await resolveMiniLm());
  });
  afterAll(() => device.close());

  it('reads its own files: pooling, length 1, most tokens of a text', () => {
    expect(embedder).toMatchObject({ width: 384, contextLength: 256 });
  });

  it('ten sentences in one batch have the ids and the embeddings of transformers', async () => {
    const ids = golden.map(({ text }) => embedder.tokenizer.encode(text));
    expect(ids).toEqual(golden.map((row) => row.ids));
    const vectors = await embedder.embed(ids);
    // Float32 sums in another order, of vectors of length 1.
    golden.forEach(({ vector }, i) =>
      vector.forEach((value, j) => expect(Math.abs((vectors[i]?.[j] ?? Number.NaN) - value)).toBeLessThan(1e-6)),
    );
  });

  it('carries the head of a classifier', async () => {
    const model = await headSequenceClassifier(device, await resolveMiniLm(), {
      labels: ['harmless', 'toxic'],
      seed: 0,
    });
    const [logits] = await classify(model, [model.tokenizer.encode('The harbour master counted the boats.')]);
    expect(logits).toHaveLength(2);
    await model.close();
  });
});
