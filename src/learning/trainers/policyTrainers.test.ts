import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byteTokenizer } from '../../../tests/fakes/byteTokenizer.js';
import { tinyModel } from '../../../tests/fakes/tinyModel.js';
import { present } from '../../base/invariant.js';
import { openStream, streamKey } from '../../base/random.js';
import { openSafetensors } from '../../engine/models/checkpoints/safetensors.js';
import {
  adaptLanguageModel,
  copyLanguageModel,
  createLanguageModel,
  type LanguageModel,
  openLanguageModel,
  trainedPart,
} from '../../engine/models/languageModel.js';
import { scoreCompletions } from '../../engine/models/scoreCompletions.js';
import { defaultAdamw } from '../../engine/optim/adamw.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { cutDrawn } from './drawnBatches.js';
import { createPpoTrainer, defaultPpo, ppoFeeds, ppoLoss, type PpoSample, type PpoTraining } from './ppo.js';
import { createRlooTrainer, type RlooSample } from './rloo.js';
import { restoreWeights } from './trainerState.js';
import { gradientGraph, scalarOf } from './weightTrainer.js';

const optimizer = { ...defaultAdamw, learningRate: 1e-2, maxGradientNorm: 0.5 };
const lora = { rank: 2, alpha: 4, rsLora: false, targetModules: ['q_proj', 'down_proj'] };

/** Completions of two "dialogues": prefixes extend one another; some ask for the value after their end. */
function randomSamples(count: number): PpoSample[] {
  const draw = openStream(streamKey(3, 'samples'));
  const ids = (n: number): number[] => Array.from({ length: n }, () => 97 + draw.integer(26));
  const roots = [ids(9), ids(14)];
  const numbers = (n: number): number[] => Array.from({ length: n }, () => draw.normal());
  return Array.from({ length: count }, (_, i) => {
    const completion = ids(1 + draw.integer(6));
    const afterEnd = i % 3 === 0;
    const positions = completion.length + Number(afterEnd);
    return {
      prefix: [...present(roots[i % 2], 'a root'), ...ids(draw.integer(5))],
      completion,
      afterEnd,
      old: { logProbs: completion.map(() => -5 - draw.uniform()), values: numbers(positions) },
      advantages: numbers(completion.length),
      returns: numbers(positions),
    };
  });
}

const rlooSamples = (samples: readonly PpoSample[]): RlooSample[] =>
  samples.map(({ prefix, completion, old, advantages }) => ({
    prefix,
    completion,
    oldLogProbs: old.logProbs,
    advantage: present(advantages[0], 'an advantage'),
  }));

describe('the trainers of policy gradients', () => {
  let device: Device;
  let base: LanguageModel;
  const samples = randomSamples(7);
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    base = await tinyModel(device);
  });
  afterAll(() => device.close());

  const open = {
    linear: () => copyLanguageModel(base, { trainable: true, valueHead: { kind: 'linear', seed: 1 } }),
    mlp: () => copyLanguageModel(base, { trainable: true, valueHead: { kind: 'mlp', seed: 1 } }),
    adapter: () => adaptLanguageModel(base, lora, { seed: 1, valueHead: 'linear' }),
  } as const;
  const weightsOf = (model: LanguageModel): Promise<Float32Array> => device.readAll(trainedPart(model).weights);

  async function trained(
    options: Partial<PpoTraining>,
  ): Promise<{ readonly logs: Readonly<Record<string, number>>[]; readonly weights: Float32Array }> {
    const model = await open.mlp();
    const trainer = await createPpoTrainer(model, { optimizer, ...options });
    const logs = [];
    for (let i = 0; i < 2; i++) logs.push(await trainer.train(samples));
    const weights = await weightsOf(model);
    await trainer.release();
    await model.close();
    return { logs, weights };
  }

  const largestDifference = (a: Iterable<number>, b: readonly number[] | Float32Array): number =>
    Math.max(...[...a].map((value, i) => Math.abs(value - present(b[i], 'as many values'))));

  it('PPO: both losses and the gradient of every parameter, head included, are those of trl 0.11.4 under torch, to 1e-5 of the largest', async () => {
    const folder = fileURLToPath(new URL('../../../tests/golden/', import.meta.url));
    const golden = JSON.parse(readFileSync(`${folder}policyGradient/model.json`, 'utf8')) as {
      readonly head: Readonly<Record<string, number[]>>;
      readonly policyLoss: number;
      readonly valueLoss: number;
      readonly samples: readonly (Record<'prefix' | 'completion' | 'logProbs' | 'values', number[]> &
        Record<'oldLogProbs' | 'oldValues' | 'advantages' | 'returns', number[]>)[];
    };
    const config = JSON.parse(readFileSync(`${folder}trlTrainers/model/config.json`, 'utf8')) as Record<
      string,
      unknown
    >;
    const llama = await createLanguageModel(device, config, byteTokenizer(), 0);
    await restoreWeights(`${folder}trlTrainers/model`, { device, weights: llama.weights });
    const model = await copyLanguageModel(llama, { trainable: true, valueHead: { kind: 'linear', seed: 0 } });
    for (const [name, values] of Object.entries(golden.head))
      await device.write(model.weights, name, Float32Array.from(values));
    const theirs = golden.samples.map(({ oldLogProbs, oldValues, ...rest }): PpoSample => ({
      ...rest,
      afterEnd: false,
      old: { logProbs: oldLogProbs, values: oldValues },
    }));
    const { parameters } = trainedPart(model);
    const head = present(model.valueHead, 'a head');
    const wanted = await openSafetensors(`${folder}policyGradient/gradients.safetensors`);
    for (const rows of ['shared', 'separate'] as const) {
      const loss = ppoLoss(head, { ...defaultPpo, rows });
      const graph = gradientGraph(parameters, (trace) => loss(trace, model.architecture));
      const program = await device.compile(graph, { store: model.weights });
      const gradients = await device.createStore(parameters);
      let [policy, value] = [0, 0];
      for (const part of cutDrawn(theirs, { rows, microbatchTokens: 24 })) {
        const result = await device.accumulate(program, ppoFeeds(part, theirs), gradients);
        policy += scalarOf(result, 'policyLoss');
        value += 0.1 * scalarOf(result, 'valueLoss');
      }
      expect(policy).toBeCloseTo(golden.policyLoss, 5);
      expect(value).toBeCloseTo(golden.valueLoss, 5);
      expect([...wanted.tensors.keys()].sort()).toEqual(parameters.map(({ name }) => name).sort());
      let [worst, largest] = [0, 0];
      for (const [name, tensor] of wanted.tensors) {
        const values = await tensor.read();
        worst = Math.max(worst, largestDifference(values, await device.read(gradients, name)));
        largest = Math.max(largest, ...values.map(Math.abs));
      }
      expect(worst / largest).toBeLessThan(1e-5);
      await device.release(program);
      await device.release(gradients);
    }
    const trainer = await createPpoTrainer(model);
    const readings = await trainer.read(theirs);
    golden.samples.forEach(({ logProbs, values }, i) => {
      expect(largestDifference(logProbs, present(readings[i], 'a reading').logProbs)).toBeLessThan(1e-4);
      expect(largestDifference(values, present(readings[i], 'a reading').values)).toBeLessThan(1e-4);
    });
    await trainer.release();
    await wanted.close();
    for (const each of [model, llama]) await each.close();
  });

  it('PPO: shared rows and microbatches of one change nothing but rounding', async () => {
    const [whole, separate, small] = [
      await trained({}),
      await trained({ rows: 'separate' }),
      await trained({ rows: 'separate', microbatchTokens: 1 }),
    ];
    for (const other of [separate, small]) {
      // float32 sums in another order, through two AdamW steps of 0.01.
      expect(largestDifference(whole.weights, other.weights)).toBeLessThan(2e-3);
      for (const [i, log] of whole.logs.entries())
        for (const [name, value] of Object.entries(log)) expect(other.logs[i]?.[name], name).toBeCloseTo(value, 3);
    }
  });

  it.each(['linear', 'adapter'] as const)(
    'PPO (%s): saved with its head after two steps and taken up again, it continues to the bit; saved models have no head',
    async (kind) => {
      const folder = await mkdtemp(join(tmpdir(), 'gadfly-ppo-'));
      const [model, other] = [await open[kind](), await open[kind]()];
      const trainer = await createPpoTrainer(model, { optimizer });
      for (let i = 0; i < 2; i++) await trainer.train(samples);
      await trainer.save(folder);
      for (let i = 0; i < 2; i++) await trainer.train(samples);
      const part = kind === 'adapter' ? 'adapter' : 'model';
      expect((await readdir(folder)).sort()).toEqual([part, 'heads', 'optimizer', 'trainer.json'].sort());
      const resumed = await createPpoTrainer(other, { optimizer });
      await resumed.load(folder);
      for (let i = 0; i < 2; i++) await resumed.train(samples);
      expect(await weightsOf(other)).toEqual(await weightsOf(model));
      expect(await resumed.read(samples)).toEqual(await trainer.read(samples));
      if (kind === 'linear') {
        const saved = await openLanguageModel(device, join(folder, 'model'));
        expect([...saved.weights.entries.keys()]).toEqual([...base.weights.entries.keys()]);
        await saved.close();
      } else {
        const saved = await openSafetensors(join(folder, 'adapter', 'adapter_model.safetensors'));
        expect([...saved.tensors.keys()].filter((name) => !name.includes('lora_'))).toEqual([]);
        await saved.close();
      }
      for (const each of [trainer, resumed]) await each.release();
      for (const each of [model, other]) await each.close();
      await rm(folder, { recursive: true });
    },
  );

  it('PPO: a new head says 0, reading is what scoring reads, and the value loss reaches the model unless detached', async () => {
    const model = await open.linear();
    const only = samples.map((sample) => ({ ...sample, advantages: sample.advantages.map(() => 0) }));
    const bodyOf = async (): Promise<Float32Array> => (await weightsOf(model)).slice(0, base.weights.length);
    const detached = await createPpoTrainer(model, { optimizer, detachValue: true });
    const readings = await detached.read(samples);
    expect(new Set(readings.flatMap(({ values }) => values))).toEqual(new Set([0]));
    const scored = await scoreCompletions(base, samples);
    readings.forEach(({ logProbs }, i) => {
      expect(largestDifference(logProbs, present(scored[i], 'scores'))).toBeLessThan(1e-4);
    });
    const before = await bodyOf();
    for (let i = 0; i < 2; i++) await detached.train(only);
    expect(await bodyOf()).toEqual(before);
    expect((await detached.read(samples)).some(({ values }) => values[0] !== 0)).toBe(true);
    const attached = await createPpoTrainer(model, { optimizer });
    await attached.train(only);
    expect(await bodyOf()).not.toEqual(before);
    for (const each of [detached, attached]) await each.release();
    await model.close();
  });

  it('PPO: a batch whose mean ratio is above the limit teaches nothing', async () => {
    const model = await open.linear();
    const far = samples.map((sample) => ({
      ...sample,
      old: { ...sample.old, logProbs: sample.old.logProbs.map((logProb) => logProb - 20) },
    }));
    const before = await weightsOf(model);
    const trainer = await createPpoTrainer(model, { optimizer, maxMeanRatio: 10 });
    expect(await trainer.train(far)).toMatchObject({ loss: 0, grad_norm: 0, 'val/skipped': 1 });
    expect(await weightsOf(model)).toEqual(before);
    expect(await trainer.train(samples)).toMatchObject({ 'val/skipped': 0 });
    expect(await weightsOf(model)).not.toEqual(before);
    await trainer.release();
    await model.close();
  });

  it('RLOO: the logged loss is the formula over whole completions; shared rows change nothing but rounding; it learns', async () => {
    const scored = await scoreCompletions(base, samples);
    const own = rlooSamples(samples).map((sample, i) => {
      const logProbs = [...present(scored[i], 'scores')];
      return { ...sample, oldLogProbs: logProbs.map((logProb) => logProb + 0.15 * ((i % 3) - 1)) };
    });
    const wanted = own.map(({ oldLogProbs, advantage }, i) => {
      const ratio = Math.exp(-0.15 * ((i % 3) - 1) * oldLogProbs.length);
      return Math.max(-advantage * ratio, -advantage * Math.min(1.2, Math.max(0.8, ratio)));
    });
    const results = [];
    for (const rows of ['shared', 'separate'] as const) {
      const model = await copyLanguageModel(base, { trainable: true });
      const trainer = await createRlooTrainer(model, { optimizer, rows, microbatchTokens: 40 });
      const log = await trainer.train(own);
      expect(log['loss']).toBeCloseTo(wanted.reduce((sum, each) => sum + each, 0) / wanted.length, 4);
      await trainer.train(own);
      results.push(await weightsOf(model));
      const after = await scoreCompletions(model, own);
      // What had an advantage above zero, and was not clipped, has become likelier than what had one below.
      const gain = own.map(({ advantage }, i) => {
        const total = (values: Iterable<number>): number => [...values].reduce((sum, value) => sum + value, 0);
        return advantage * (total(present(after[i], 'scores')) - total(present(scored[i], 'scores')));
      });
      expect(gain.reduce((sum, each) => sum + each, 0)).toBeGreaterThan(0);
      await trainer.release();
      await model.close();
    }
    expect(largestDifference(present(results[0], 'weights'), present(results[1], 'weights'))).toBeLessThan(2e-3);
  });
});
