import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice, type Device } from '../runtime/device.js';
import { packLastTokens } from './packLastTokens.js';
import {
  classifierArchitecture, classifierParameters, classify, createSequenceClassifier, openSequenceClassifier, saveSequenceClassifier, traceClassLogits,
} from './sequenceClassifier.js';
import { characterTokenizer, goldenCheckpoint, readGolden, readGoldenGradients, relativeDifference } from './testing/goldenModels.js';
import { lossGradients } from './testing/lossGraph.js';

const variant = 'llama-classifier';
const golden = readGolden<{
  readonly config: Readonly<Record<string, unknown>>;
  readonly sequences: readonly (readonly number[])[];
  readonly logits: readonly (readonly number[])[];
}>(variant);

describe('a sequence classifier', () => {
  const dir = mkdtempSync(join(tmpdir(), 'gadfly-classifier-'));
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
  });
  afterAll(async () => {
    await device.close();
    rmSync(dir, { recursive: true });
  });

  it('logits equal those of transformers, in a padded batch and alone', async () => {
    const model = await openSequenceClassifier(device, goldenCheckpoint(variant));
    expect(model.labels).toEqual(['LABEL_0', 'LABEL_1', 'LABEL_2']);
    const together = await classify(model, golden.sequences);
    for (const [i, ids] of golden.sequences.entries()) {
      const [alone = []] = await classify(model, [ids]);
      expect(relativeDifference(together[i] ?? [], golden.logits[i] ?? [])).toBeLessThan(1e-5);
      expect(relativeDifference(alone, golden.logits[i] ?? [])).toBeLessThan(1e-5);
    }
    await model.close();
  });

  it('the gradient of every parameter equals that of PyTorch', async () => {
    const model = await openSequenceClassifier(device, goldenCheckpoint(variant), { trainable: true });
    const { ids_BT, positions_BT, rows_N } = packLastTokens(golden.sequences);
    // d/dlogits of Σ_c (k + 1 − c) log softmax(logits_k)_c, the sum of the golden script: (k + 1 − c) − p_c Σ_c (k + 1 − c).
    const factors = golden.logits.flatMap((logits, k) => {
      const exps = logits.map(Math.exp);
      const total = exps.reduce((sum, e) => sum + e, 0);
      const weight = logits.reduce((sum, _, c) => sum + (k + 1 - c), 0);
      return exps.map((e, c) => k + 1 - c - (weight * e) / total);
    });
    const { gradients } = await lossGradients(device, model.weights, classifierParameters(model.architecture), {
      build: (trace) => traceClassLogits(model.architecture, {
        ids_BT: trace.input('ids', 'i64', ['B', 'T']), positions_BT: trace.input('positions', 'i64', ['B', 'T']),
        rows_N: trace.input('rows', 'i64', ['N']), attention: { kind: 'causal' },
      }),
      factors, feeds: { ids: ids_BT, positions: positions_BT, rows: rows_N },
    });
    for (const [name, expected] of readGoldenGradients(variant)) {
      expect(relativeDifference(gradients.get(name) ?? [], expected), name).toBeLessThan(1e-4);
    }
    await model.close();
  });

  it('opens again as it was saved, labels and all', async () => {
    const config = { ...golden.config, id2label: { 0: 'calm', 1: 'rude' }, label2id: { calm: 0, rude: 1 } };
    const model = await createSequenceClassifier(device, config, characterTokenizer(64), 1);
    await saveSequenceClassifier(model, join(dir, 'judge'));
    const again = await openSequenceClassifier(device, join(dir, 'judge'));
    expect(again.labels).toEqual(['calm', 'rude']);
    expect(await device.hash(again.weights)).toBe(await device.hash(model.weights));
    const [logits = []] = await classify(again, [[1, 2, 3]]);
    expect(relativeDifference(logits, (await classify(model, [[1, 2, 3]]))[0] ?? [])).toBeLessThan(1e-5);
    await model.close();
    await again.close();
  });

  it('labels that are not numbered from 0, and an empty text, are refused', async () => {
    expect(() => classifierArchitecture({ model_type: 'llama', id2label: { 1: 'rude' } }, 'config.json')).toThrow(/id2label/);
    const model = await openSequenceClassifier(device, goldenCheckpoint(variant));
    await expect(classify(model, [[]])).rejects.toThrow(/empty/);
    await model.close();
  });
});
