import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice, type Device } from '../runtime/device.js';
import { finishGraph } from '../tensor/graph.js';
import { gatherRows } from '../tensor/ops/all.js';
import { createTrace } from '../tensor/trace.js';
import { openCheckpoint } from './checkpoints/openCheckpoint.js';
import { loadEmbedder } from './embedder.js';
import { openLanguageModel } from './languageModel.js';
import { tokenTableOf } from './parameters.js';
import {
  classifierArchitecture,
  classifierParameters,
  classify,
  createSequenceClassifier,
  headSequenceClassifier,
  openSequenceClassifier,
  saveSequenceClassifier,
  traceClassLogits,
  traceRowLogits,
} from './sequenceClassifier.js';
import {
  characterTokenizer,
  goldenCheckpoint,
  memoryCheckpoint,
  readGolden,
  readGoldenGradients,
  relativeDifference,
} from './testing/goldenModels.js';
import { lossGradients } from './testing/lossGradients.js';
import { packTexts } from './textBatch.js';

interface GoldenClassifier {
  readonly config: Readonly<Record<string, unknown>>;
  readonly sequences: readonly (readonly number[])[];
  readonly logits: readonly (readonly number[])[];
  /** Given for an encoder: the mean of the states of each sequence. */
  readonly means?: readonly (readonly number[])[];
}

/** A decoder, and the families of tests/golden/encoders.py. */
const encoders = ['../encoders/bert', '../encoders/roberta', '../encoders/distilbert'];
const variants = ['llama-classifier', ...encoders];

let device: Device;
beforeAll(async () => {
  device = await openDevice({ threads: 1 });
});
afterAll(() => device.close());

describe.each(variants)('the sequence classifier %s', (variant) => {
  const golden = readGolden<GoldenClassifier>(variant);

  it('a text of soft tokens that are rows of its table has the same logits', async () => {
    const model = await openSequenceClassifier(device, goldenCheckpoint(variant));
    const { architecture, vocabularySize, weights } = model;
    const [ids = []] = golden.sequences;
    const trace = createTrace();
    const i64 = (shape: readonly number[], data: readonly number[]) => trace.constant('i64', shape, data);
    const { name, shape } = tokenTableOf(architecture.base);
    const row = [1, ids.length];
    const logits = traceRowLogits(architecture, {
      ids_BT: i64(
        row,
        ids.map((_, t) => vocabularySize + t),
      ),
      positions_BT: i64(
        row,
        ids.map((_, t) => t),
      ),
      soft_SC: gatherRows(trace.parameter(name, shape), i64([ids.length], ids)),
      attention:
        architecture.base.reads === 'leftToRight'
          ? { kind: 'causal' }
          : { kind: 'bothWays', lengths_B: i64([1], [ids.length]) },
    });
    const program = await device.compile(finishGraph(trace, { logits }), { store: weights });
    const { logits: got } = await device.run(program, {});
    expect(relativeDifference(got?.data as Float32Array, golden.logits[0] ?? [])).toBeLessThan(1e-5);
    await device.release(program);
    await model.close();
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
    // d/dlogits of Σ_c (k + 1 − c) log softmax(logits_k)_c, the sum of the golden script: (k + 1 − c) − p_c Σ_c (k + 1
    // − c).
    const factors = golden.logits.flatMap((logits, k) => {
      const exps = logits.map(Math.exp);
      const total = exps.reduce((sum, e) => sum + e, 0);
      const weight = logits.reduce((sum, _, c) => sum + (k + 1 - c), 0);
      return exps.map((e, c) => k + 1 - c - (weight * e) / total);
    });
    const { base } = model.architecture;
    const { gradients } = await lossGradients(device, model.weights, classifierParameters(model.architecture), {
      build: (trace) => traceClassLogits(model.architecture, trace),
      factors,
      feeds: packTexts(golden.sequences, base, base.classifier.pooling),
    });
    const expected = readGoldenGradients(variant);
    expect([...gradients.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [name, values] of expected) {
      // A key's bias moves all scores of a query alike: its gradient is rounding, compared beside that of the key's
      // matrix.
      const beside = /(key|k_lin)\.bias$/.test(name) ? (expected.get(name.replace(/bias$/, 'weight')) ?? []) : [];
      const scale = [...values, ...beside];
      expect(relativeDifference([...(gradients.get(name) ?? []), ...beside], scale), name).toBeLessThan(1e-4);
    }
    await model.close();
  });
});

describe.each(encoders)('the encoder %s', (variant) => {
  const golden = readGolden<GoldenClassifier>(variant);

  it('mean-pooled embeddings equal those of transformers, in a padded batch and alone', async () => {
    const embedder = await loadEmbedder(device, goldenCheckpoint(variant));
    const together = await embedder.embed(golden.sequences);
    for (const [i, ids] of golden.sequences.entries()) {
      const [alone = []] = await embedder.embed([ids]);
      expect(relativeDifference(together[i] ?? [], golden.means?.[i] ?? [])).toBeLessThan(1e-5);
      expect(relativeDifference(alone, golden.means?.[i] ?? [])).toBeLessThan(1e-5);
    }
    await embedder.close();
  });

  it('is refused as a causal language model, by its name', async () => {
    await expect(openLanguageModel(device, goldenCheckpoint(variant))).rejects.toThrow(
      new RegExp(`${String(golden.config['model_type'])}, an encoder`),
    );
  });

  it('a text that fills the positions is read, a longer one is refused', async () => {
    const model = await openSequenceClassifier(device, goldenCheckpoint(variant));
    const full = Array.from({ length: model.contextLength }, (_, i) => 2 + (i % 60));
    const [logits = []] = await classify(model, [full]);
    expect(logits.every(Number.isFinite)).toBe(true);
    await expect(classify(model, [[...full, 2]])).rejects.toThrow(/longer than the model can read/);
    await model.close();
  });
});

describe('a new head', () => {
  it('stands on the body of a checkpoint, whatever its head and however its names begin', async () => {
    const golden = readGolden<GoldenClassifier>('../encoders/bert');
    const theirs = goldenCheckpoint('../encoders/bert');
    const { architectures: _, ...config } = golden.config;
    const bare = memoryCheckpoint(
      config,
      [...theirs.tensors.values()]
        .filter(({ name }) => name.startsWith('bert.'))
        .map((tensor) => ({
          ...tensor,
          name: tensor.name
            .slice('bert.'.length)
            .replace('LayerNorm.weight', 'LayerNorm.gamma')
            .replace('LayerNorm.bias', 'LayerNorm.beta'),
        })),
    );
    const options = { labels: ['calm', 'rude'], seed: 3 };
    const [model, twin] = [
      await headSequenceClassifier(device, theirs, options),
      await headSequenceClassifier(device, bare, options),
    ];
    expect(model).toMatchObject({ labels: ['calm', 'rude'], trainable: true, architecture: { isMultiLabel: false } });
    expect(await device.hash(twin.weights)).toBe(await device.hash(model.weights));
    expect(await device.read(model.weights, 'bert.pooler.dense.weight')).toEqual(
      await theirs.tensors.get('bert.pooler.dense.weight')?.read(),
    );
    const other = await headSequenceClassifier(device, theirs, { ...options, seed: 4 });
    expect(await device.read(other.weights, 'classifier.weight')).not.toEqual(
      await device.read(model.weights, 'classifier.weight'),
    );
    for (const each of [model, twin, other]) await each.close();
  });

  it('stands on a language model too', async () => {
    const model = await headSequenceClassifier(device, goldenCheckpoint('llama-untied'), {
      labels: ['toxic', 'insult'],
      isMultiLabel: true,
      seed: 0,
    });
    const [logits] = await classify(model, [[1, 2, 3]]);
    expect(logits).toHaveLength(2);
    expect(model.architecture.isMultiLabel).toBe(true);
    await model.close();
  });

  it('asks for the whole body and for labels', async () => {
    const { config } = readGolden<GoldenClassifier>('../encoders/bert');
    const none = memoryCheckpoint(config, []);
    await expect(headSequenceClassifier(device, none, { labels: ['a', 'b'], seed: 0 })).rejects.toThrow(
      /missing: bert\.embeddings/,
    );
    await expect(headSequenceClassifier(device, none, { labels: ['a', 'a'], seed: 0 })).rejects.toThrow(
      /different names/,
    );
  });
});

describe('a saved classifier', () => {
  const dir = mkdtempSync(join(tmpdir(), 'gadfly-classifier-'));
  afterAll(() => rmSync(dir, { recursive: true }));

  it.each(variants)(
    '%s opens again as it was saved, labels and all, under the names and the class of transformers',
    async (variant) => {
      const golden = readGolden<
        GoldenClassifier & { readonly parameters: Readonly<Record<string, readonly number[]>> }
      >(variant);
      const config = {
        ...golden.config,
        id2label: { 0: 'calm', 1: 'rude', 2: 'odd' },
        label2id: { calm: 0, rude: 1, odd: 2 },
      };
      const model = await createSequenceClassifier(device, config, characterTokenizer(64), 1);
      const folder = join(dir, model.architecture.base.family);
      await saveSequenceClassifier(model, folder);
      const again = await openSequenceClassifier(device, folder);
      expect(again.labels).toEqual(['calm', 'rude', 'odd']);
      expect(await device.hash(again.weights)).toBe(await device.hash(model.weights));
      const [logits = []] = await classify(again, [[2, 3, 4]]);
      expect(relativeDifference(logits, (await classify(model, [[2, 3, 4]]))[0] ?? [])).toBeLessThan(1e-5);
      const saved = await openCheckpoint(folder);
      expect(saved.config['architectures']).toEqual(golden.config['architectures']);
      expect(Object.fromEntries([...saved.tensors].map(([name, { shape }]) => [name, shape]))).toEqual(
        golden.parameters,
      );
      await saved.close();
      await model.close();
      await again.close();
    },
  );
});

it('an unknown architecture is refused by name, with the decoders and encoders known', () => {
  expect(() => classifierArchitecture({ model_type: 'mamba' }, 'config.json')).toThrow(
    /gpt2[^]*llama[^]*bert, roberta, distilbert[^]*"mamba"/,
  );
  expect(() =>
    classifierArchitecture({ model_type: 'bert', architectures: ['BertForMaskedLM'] }, 'config.json'),
  ).toThrow(/BertForSequenceClassification[^]*BertForMaskedLM/);
});

it.each([
  [{ model_type: 'bert', hidden_size: 30, num_attention_heads: 4 }, /multiple of the heads/],
  [{ model_type: 'bert', position_embedding_type: 'relative_key' }, /absolute/],
  [{ model_type: 'roberta', is_decoder: true }, /is_decoder/],
  [{ model_type: 'roberta', pad_token_id: 512 }, /padding id/],
])('%j is refused with the field at fault', (config, message) => {
  expect(() => classifierArchitecture(config, 'config.json')).toThrow(message);
});

it('labels that are not numbered from 0, and an empty text, are refused', async () => {
  expect(() => classifierArchitecture({ model_type: 'llama', id2label: { 1: 'rude' } }, 'config.json')).toThrow(
    /id2label/,
  );
  const model = await openSequenceClassifier(device, goldenCheckpoint('llama-classifier'));
  await expect(classify(model, [[]])).rejects.toThrow(/empty/);
  await model.close();
});
