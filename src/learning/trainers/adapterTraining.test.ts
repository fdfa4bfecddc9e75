import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byteTokenizer } from '../../../tests/fakes/byteTokenizer.js';
import { tinyModel } from '../../../tests/fakes/tinyModel.js';
import { present } from '../../base/invariant.js';
import { adaptLanguageModel, type LanguageModel, trainedPart } from '../../engine/models/languageModel.js';
import {
  adaptSequenceClassifier,
  classify,
  createSequenceClassifier,
  openSequenceClassifier,
  saveSequenceClassifier,
} from '../../engine/models/sequenceClassifier.js';
import { scoreCompletions } from '../../engine/models/scoreCompletions.js';
import { defaultAdamw } from '../../engine/optim/adamw.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { reduceSum } from '../../engine/tensor/ops/all.js';
import { createClassifierTrainer } from './classifier.js';
import { createPreferenceTrainer } from './preference.js';
import { createSftTrainer } from './sft.js';
import type { TrainingPair } from './trainingData.js';
import { gradientGraph } from './weightTrainer.js';

const optimizer = { ...defaultAdamw, learningRate: 2e-2, schedule: { kind: 'constant' } as const };
const lora = { rank: 4, alpha: 8, rsLora: false, targetModules: 'all-linear' } as const;
const pairs: readonly TrainingPair[] = [0, 1, 2, 3].map((i) => ({
  prefix: [97 + i, 98, 99],
  chosen: [100, 101 + i, 102],
  rejected: [103 + i, 104],
  referenceChosen: [-5, -5, -5],
  referenceRejected: [-5, -5],
}));
const triples = pairs.map((pair, i) => ({ ...pair, toxic: [110 + i, 111], referenceToxic: [-5, -5] }));
const examples = pairs.map(({ prefix, chosen }) => ({ prefix, completion: chosen }));
const bytesOf = (values: Float32Array): Buffer => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

describe('training an adapter', () => {
  let device: Device;
  let base: LanguageModel;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    base = await tinyModel(device);
  });
  afterAll(() => device.close());

  const adapt = (seed = 1): Promise<LanguageModel> => adaptLanguageModel(base, lora, { seed });
  const weightsOf = (model: LanguageModel): Promise<Float32Array> =>
    device.readAll(present(model.adapter, 'an adapter').weights);

  it.each(['preference', 'adpo', 'sft'] as const)(
    '%s lowers its loss, changes the adapter, and leaves the base as it was',
    async (kind) => {
      const model = await adapt();
      const [hash, before] = [await device.hash(base.weights), await scoreCompletions(model, examples)];
      const losses: number[] = [];
      const note = (log: Readonly<Record<string, number>>): void => void losses.push(present(log['loss'], 'a loss'));
      if (kind !== 'sft') {
        const trainer = await createPreferenceTrainer(model, {
          optimizer,
          beta: 0.1,
          ...(kind === 'adpo' ? { loss: kind } : {}),
        });
        for (let i = 0; i < 20; i++) note(await trainer.train(triples));
        await trainer.release();
      } else {
        const trainer = await createSftTrainer(model, { optimizer });
        for (let i = 0; i < 20; i++) note(await trainer.train(examples));
        await trainer.release();
      }
      expect(losses.at(-1) ?? Infinity).toBeLessThan((losses[0] ?? 0) / 2);
      expect(await scoreCompletions(model, examples)).not.toEqual(before);
      expect(await device.hash(base.weights)).toBe(hash);
      await model.close();
    },
  );

  it('saved after two steps as an adapter alone and taken up again, it continues to the bit', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gadfly-adapter-'));
    const model = await adapt();
    const trainer = await createPreferenceTrainer(model, { optimizer });
    for (let i = 0; i < 2; i++) await trainer.train(pairs);
    await trainer.save(folder);
    for (let i = 0; i < 2; i++) await trainer.train(pairs);
    expect((await readdir(folder)).sort()).toEqual(['adapter', 'optimizer', 'trainer.json']);
    const other = await adapt(7);
    const resumed = await createPreferenceTrainer(other, { optimizer });
    await resumed.load(folder);
    expect(resumed.step()).toBe(2);
    for (let i = 0; i < 2; i++) await resumed.train(pairs);
    expect(bytesOf(await weightsOf(other)).equals(bytesOf(await weightsOf(model)))).toBe(true);
    for (const each of [trainer, resumed]) await each.release();
    for (const each of [model, other]) await each.close();
    await rm(folder, { recursive: true });
  });

  it.each(['bert', 'llama'])(
    'a classifier (%s) trains an adapter and its head: the base stays, a saved state resumes to the bit, saved it is merged',
    async (type) => {
      const folder = await mkdtemp(join(tmpdir(), 'gadfly-classifier-adapter-'));
      const config = {
        model_type: type,
        vocab_size: 264,
        hidden_size: 16,
        intermediate_size: 24,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        max_position_embeddings: 32,
        initializer_range: 0.4,
      };
      const whole = await createSequenceClassifier(device, config, byteTokenizer(), 1);
      const texts = [
        { ids: [97, 98, 99], wanted: [1, 0] },
        { ids: [100, 101], wanted: [0, 1] },
      ];
      const ids = texts.map((text) => text.ids);
      const [hash, before] = [await device.hash(whole.weights), await classify(whole, ids)];
      const [model, other] = [
        await adaptSequenceClassifier(whole, lora, { seed: 1 }),
        await adaptSequenceClassifier(whole, lora, { seed: 2 }),
      ];
      expect(await classify(model, ids)).toEqual(before);
      const trainer = await createClassifierTrainer(model, { optimizer });
      const losses = [];
      for (let i = 0; i < 10; i++) losses.push((await trainer.train(texts))['loss'] ?? NaN);
      expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 2);
      await trainer.save(folder);
      const resumed = await createClassifierTrainer(other, { optimizer });
      await resumed.load(folder);
      for (const each of [trainer, resumed]) await each.train(texts);
      const logits = await classify(model, ids);
      expect(await classify(other, ids)).toEqual(logits);
      expect(await device.hash(whole.weights)).toBe(hash);
      await saveSequenceClassifier(model, join(folder, 'merged'));
      const merged = await openSequenceClassifier(device, join(folder, 'merged'));
      (await classify(merged, ids)).forEach((row, i) =>
        row.forEach((value, k) => {
          expect(value).toBeCloseTo(logits[i]?.[k] ?? NaN, 4);
        }),
      );
      for (const each of [trainer, resumed]) await each.release();
      for (const each of [merged, model, other, whole]) await each.close();
      await rm(folder, { recursive: true });
    },
  );

  it('asks for no gradient of the base', async () => {
    const model = await adapt();
    const graph = gradientGraph(trainedPart(model).parameters, (trace) => {
      const { hidden_NC } = model.architecture.forward({
        ids_BT: trace.input('ids', 'i64', ['B', 'T']),
        positions_BT: trace.input('positions', 'i64', ['B', 'T']),
        attention: { kind: 'causal' },
      });
      return { loss: reduceSum(hidden_NC, [0, 1]), outputs: {} };
    });
    const gradients = graph.outputs.filter(({ name }) => /^(grad|rows):/.test(name)).map(({ name }) => name);
    expect(gradients).toHaveLength(2 * present(model.adapter, 'an adapter').maps.size);
    expect(gradients.every((name) => /^grad:.*\.lora_[AB]\.weight$/.test(name))).toBe(true);
    await model.close();
  });
});
