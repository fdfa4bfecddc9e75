import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyModel } from '../../../tests/fakes/tinyModel.js';
import { FormatError } from '../../base/errors.js';
import { createLanguageModel } from '../../engine/models/languageModel.js';
import { scoreCompletions } from '../../engine/models/scoreCompletions.js';
import { defaultAdamw } from '../../engine/optim/adamw.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { tinyConfig } from '../../../tests/fakes/tinyModel.js';
import { createSftTrainer } from './sft.js';

const ids = (text: string): number[] => [...Buffer.from(text)];
const examples = [
  { prefix: ids('the cat '), completion: ids('sat on the mat') },
  { prefix: ids('a dog'), completion: ids(' ran') },
  { prefix: ids('birds sing in the '), completion: ids('trees') },
];
const optimizer = { ...defaultAdamw, learningRate: 1e-2 };

describe('sft trainer', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
  });
  afterAll(() => device.close());

  it('the loss is the mean negative log-probability over completion tokens only: prefixes and padding do not count', async () => {
    const model = await tinyModel(device);
    const scored = (await scoreCompletions(model, examples)).flatMap((values) => [...values]);
    const trainer = await createSftTrainer(model, { optimizer });
    const log = await trainer.train(examples);
    expect(log['num_tokens']).toBe(scored.length);
    expect(log['loss']).toBeCloseTo(-scored.reduce((sum, value) => sum + value, 0) / scored.length, 4);
    await trainer.release();
    await model.close();
  });

  it('microbatches give the loss and the weights of the whole batch', async () => {
    const weights = [];
    for (const microbatchTokens of [10_000, 1]) {
      const model = await tinyModel(device);
      const trainer = await createSftTrainer(model, { optimizer, microbatchTokens });
      for (let step = 0; step < 3; step++) await trainer.train(examples);
      weights.push(await device.readAll(model.weights));
      await trainer.release();
      await model.close();
    }
    const [whole, cut] = weights as [Float32Array, Float32Array];
    // Sums in another order: float32 rounding, amplified by three Adam steps at 1e-2.
    expect(Math.max(...whole.map((value, i) => Math.abs(value - (cut[i] as number))))).toBeLessThan(2e-4);
  });

  it('packed rows train what separate rows train, whatever is laid beside an example', async () => {
    // Lengths apart, prefixes in common, an example longer than a row.
    const mixed = [
      ...examples,
      { prefix: ids('the cat '), completion: ids('is out') },
      { prefix: ids('a'), completion: ids('b') },
    ];
    const outcomes = [];
    for (const options of [
      { rows: 'separate' },
      { rows: 'packed', rowTokens: 16 },
      { rows: 'packed', rowTokens: 1000 },
    ] as const) {
      const model = await tinyModel(device);
      const trainer = await createSftTrainer(model, { optimizer, ...options });
      const losses = [];
      for (let step = 0; step < 3; step++) losses.push((await trainer.train(mixed))['loss']);
      outcomes.push({ losses, weights: await device.readAll(model.weights) });
      await trainer.release();
      await model.close();
    }
    const [separate, ...packed] = outcomes as [(typeof outcomes)[number], ...typeof outcomes];
    for (const { losses, weights } of packed) {
      losses.forEach((loss, step) => expect(loss).toBeCloseTo(separate.losses[step] as number, 4));
      // Sums in another order: float32 rounding, amplified by three Adam steps at 1e-2.
      expect(Math.max(...weights.map((value, i) => Math.abs(value - (separate.weights[i] as number))))).toBeLessThan(
        2e-4,
      );
    }
  });

  it('learns its examples by heart', async () => {
    const model = await tinyModel(device);
    const trainer = await createSftTrainer(model, { optimizer });
    const losses = [];
    for (let step = 0; step < 60; step++) losses.push((await trainer.train(examples))['loss']);
    expect(losses.at(-1) as number).toBeLessThan((losses[0] as number) / 4);
    await trainer.release();
    await model.close();
  });

  it('a saved state of another model is refused, naming the tensor', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gadfly-trainer-'));
    const model = await tinyModel(device);
    const trainer = await createSftTrainer(model, { optimizer });
    await trainer.save(folder);
    const wider = await createLanguageModel(device, { ...tinyConfig, intermediate_size: 48 }, model.tokenizer, 0);
    const other = await createSftTrainer(wider, { optimizer });
    await expect(other.load(folder)).rejects.toThrow(FormatError);
    for (const each of [trainer, other]) await each.release();
    for (const each of [model, wider]) await each.close();
  });
});
