import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byteTokenizer } from '../../../tests/fakes/byteTokenizer.js';
import { ConfigError } from '../../base/errors.js';
import { classify, createSequenceClassifier, type SequenceClassifier } from '../../engine/models/sequenceClassifier.js';
import { defaultAdamw } from '../../engine/optim/adamw.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { createClassifierTrainer, type ClassifierExample } from './classifier.js';
import { balancingWeights, epochOrder, evaluateClassifier, fitClassifier } from './classifierFit.js';

const encoder = {
  model_type: 'bert',
  vocab_size: 264,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  max_position_embeddings: 32,
  initializer_range: 0.4,
} as const;
const decoder = {
  model_type: 'llama',
  vocab_size: 264,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  max_position_embeddings: 32,
  initializer_range: 0.4,
} as const;
const bodies = { encoder, decoder } as const;

const ids = (text: string): number[] => [...Buffer.from(text)];
const text = (words: string, ...wanted: number[]): ClassifierExample => ({ ids: ids(words), wanted });
const threeWay = [
  text('a cat', 1, 0, 0),
  text('dogs and', 0, 1, 0),
  text('birds sing', 0, 0, 1),
  text('cats', 0.25, 0.5, 0.25),
];
const manyLabels = [text('a cat', 1, 0, 1), text('dogs and', 0, 0, 0), text('birds sing', 0, 1, 1)];
const optimizer = { ...defaultAdamw, learningRate: 1e-2 };

let device: Device;
beforeAll(async () => {
  device = await openDevice({ threads: 1 });
});
afterAll(() => device.close());

const create = (body: keyof typeof bodies, isMultiLabel = false): Promise<SequenceClassifier> =>
  createSequenceClassifier(
    device,
    {
      ...bodies[body],
      num_labels: 3,
      problem_type: isMultiLabel ? 'multi_label_classification' : 'single_label_classification',
    },
    byteTokenizer(),
    1,
  );

describe.each(['encoder', 'decoder'] as const)('the classifier trainer on a small %s', (body) => {
  it('the loss of labels that exclude each other is torch’s weighted cross-entropy', async () => {
    const model = await create(body);
    const logits = await classify(
      model,
      threeWay.map((each) => each.ids),
    );
    const labelWeights = [1, 2, 0.5];
    // Σ w·p·(−log softmax) / Σ w·p, as CrossEntropyLoss(weight=w) for one-hot labels.
    let [sum, total] = [0, 0];
    threeWay.forEach(({ wanted }, n) => {
      const row = [...(logits[n] ?? [])];
      const logTotal = Math.log(row.reduce((part, logit) => part + Math.exp(logit), 0));
      wanted.forEach((p, i) => {
        sum += (labelWeights[i] ?? 0) * p * (logTotal - (row[i] ?? 0));
        total += (labelWeights[i] ?? 0) * p;
      });
    });
    const trainer = await createClassifierTrainer(model, { labelWeights, optimizer });
    expect((await trainer.train(threeWay))['loss']).toBeCloseTo(sum / total, 4);
    await trainer.release();
    await model.close();
  });

  it('the loss of independent labels is torch’s binary cross-entropy with pos_weight', async () => {
    const model = await create(body, true);
    const logits = await classify(
      model,
      manyLabels.map((each) => each.ids),
    );
    const labelWeights = [1, 3, 2];
    const terms = manyLabels.flatMap(({ wanted }, n) =>
      wanted.map((p, i) => {
        const sigmoid = 1 / (1 + Math.exp(-(logits[n]?.[i] ?? 0)));
        return -(labelWeights[i] ?? 0) * p * Math.log(sigmoid) - (1 - p) * Math.log(1 - sigmoid);
      }),
    );
    const trainer = await createClassifierTrainer(model, { labelWeights, optimizer });
    expect((await trainer.train(manyLabels))['loss']).toBeCloseTo(
      terms.reduce((sum, term) => sum + term, 0) / terms.length,
      4,
    );
    await trainer.release();
    await model.close();
  });

  it('microbatches give the loss and the weights of the whole batch', async () => {
    const results = [];
    for (const microbatchTokens of [10_000, 1]) {
      const model = await create(body);
      const trainer = await createClassifierTrainer(model, { optimizer, microbatchTokens });
      const { loss } = await trainer.train(threeWay);
      results.push({ loss: loss ?? Number.NaN, weights: await device.readAll(model.weights) });
      await trainer.release();
      await model.close();
    }
    const [whole, cut] = results;
    expect(cut?.loss).toBeCloseTo(whole?.loss ?? Number.NaN, 5);
    // Adam's first step is ± the rate where a gradient is all rounding (a key's bias), so those weights are left out by
    // count.
    const far = [...(whole?.weights ?? [])].filter(
      (value, i) => Math.abs(value - (cut?.weights[i] ?? Number.NaN)) > 2e-4,
    ).length;
    expect(far).toBeLessThanOrEqual(16);
  });

  it('interrupted and taken up again it ends as one that was not, bit for bit', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gadfly-classifier-'));
    const options = { epochs: 3, batchTexts: 3, seed: 5, learningRate: 1e-2, balance: 'repeat' } as const;
    const whole = await create(body);
    const losses: number[] = [];
    await fitClassifier(whole, threeWay, {
      ...options,
      onStep: ({ metrics }) => void losses.push(metrics['loss'] ?? Number.NaN),
    });

    const stopped = await create(body);
    const stop = new Error('stopped');
    await expect(
      fitClassifier(stopped, threeWay, {
        ...options,
        onStep: async ({ step, trainer }) => {
          if (step !== 4) return;
          await mkdir(join(folder, 'state'));
          await trainer.save(join(folder, 'state'));
          throw stop;
        },
      }),
    ).rejects.toBe(stop);
    await stopped.close();

    const resumed = await create(body);
    const later: number[] = [];
    await fitClassifier(resumed, threeWay, {
      ...options,
      resume: join(folder, 'state'),
      onStep: ({ metrics }) => void later.push(metrics['loss'] ?? Number.NaN),
    });
    expect(later).toEqual(losses.slice(4));
    expect(await device.hash(resumed.weights)).toBe(await device.hash(whole.weights));
    for (const each of [whole, resumed]) await each.close();
    await rm(folder, { recursive: true });
  });

  it('learns its texts by heart, and says how well', async () => {
    const model = await create(body);
    const texts = threeWay.slice(0, 3);
    await fitClassifier(model, texts, { epochs: 40, batchTexts: 3, learningRate: 1e-2 });
    const quality = await evaluateClassifier(model, texts);
    expect(quality).toEqual({ texts: 3, accuracy: 1, rocAuc: { LABEL_0: 1, LABEL_1: 1, LABEL_2: 1 } });
    await model.close();
  });
});

describe('an epoch', () => {
  const lopsided = Array.from({ length: 10 }, (_, i) => text(String(i), ...(i < 8 ? [1, 0] : [0, 1])));

  it('shows every text once, in an order of its own', () => {
    const orders = [0, 1].map((epoch) => epochOrder(lopsided, { seed: 1, epoch, repeats: false, isMultiLabel: false }));
    for (const order of orders) expect([...order].sort((a, b) => a - b)).toEqual(lopsided.map((_, i) => i));
    expect(orders[0]).not.toEqual(orders[1]);
  });

  it('where rare labels repeat, shows as many texts of each label, every text at least once', () => {
    const order = epochOrder(lopsided, { seed: 1, epoch: 0, repeats: true, isMultiLabel: false });
    expect(order.filter((index) => index >= 8)).toHaveLength(8);
    expect(new Set(order).size).toBe(10);
  });
});

describe('weights that balance', () => {
  it('give every label the same share of the loss, and refuse a label without texts', async () => {
    const [softmax, many] = [await create('encoder'), await create('encoder', true)];
    expect(balancingWeights([...threeWay.slice(0, 3), text('x', 1, 0, 0)], softmax)).toEqual([4 / 6, 4 / 3, 4 / 3]);
    expect(balancingWeights(manyLabels, many)).toEqual([2, 2, 0.5]);
    expect(() => balancingWeights(threeWay.slice(0, 1), softmax)).toThrow(/LABEL_1/);
    for (const each of [softmax, many]) await each.close();
  });
});

it('texts without a number for each label, and no texts at all, are refused', async () => {
  const model = await create('encoder');
  const trainer = await createClassifierTrainer(model);
  await expect(trainer.train([text('x', 1, 0)])).rejects.toThrow(/text 0[^]*3 numbers/);
  await expect(fitClassifier(model, [])).rejects.toThrow(ConfigError);
  await expect(evaluateClassifier(model, [])).rejects.toThrow(ConfigError);
  await trainer.release();
  await model.close();
});

it('a label that all texts have, or none, has no ROC-AUC', async () => {
  const model = await create('encoder');
  expect((await evaluateClassifier(model, [text('x', 1, 0, 0), text('y', 1, 0, 0)])).rocAuc).toEqual({
    LABEL_0: null,
    LABEL_1: null,
    LABEL_2: null,
  });
  await model.close();
});
