import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { present } from '../../../base/invariant.js';
import { streamKey } from '../../../base/random.js';
import { openDevice, plainSampling, type Device } from '../../runtime/device.js';
import { openCheckpoint } from '../checkpoints/openCheckpoint.js';
import { openSafetensors } from '../checkpoints/safetensors.js';
import { generate } from '../generate.js';
import {
  adaptLanguageModel,
  type LanguageModel,
  openLanguageModel,
  saveLanguageModel,
  wearAdapter,
} from '../languageModel.js';
import { packSequences } from '../packSequences.js';
import { scoreCompletions } from '../scoreCompletions.js';
import { goldenCheckpoint, relativeDifference } from '../testing/goldenModels.js';
import { lossGradients } from '../testing/lossGradients.js';
import { traceTokenLogProbs } from '../tokenLogProbs.js';
import { openAdapter, saveAdapter } from './adapter.js';

const golden = resolve(import.meta.dirname, '../../../../tests/golden/lora');
const variants = { 'llama-tied': 'llama-tied', gpt2: 'gpt2', 'llama-pattern': 'llama-untied' } as const;

/** Two float32 implementations that add in different order. */
const sameValues = 1e-5;
const sameGradients = 1e-4;

interface Golden {
  readonly sequences: readonly (readonly number[])[];
  readonly logits: readonly (readonly (readonly number[])[])[];
  readonly weightedSum: number;
}

let device: Device;
const folder = mkdtempSync(join(tmpdir(), 'gadfly-lora-'));
beforeAll(async () => {
  device = await openDevice({ threads: 1 });
});
afterAll(async () => {
  await device.close();
  rmSync(folder, { recursive: true });
});

describe.each(Object.entries(variants))('an adapter that PEFT saved: %s', (name, variant) => {
  const { sequences, logits, weightedSum } = JSON.parse(readFileSync(join(golden, `${name}.json`), 'utf8')) as Golden;
  const items = sequences.map((ids) => ({ prefix: ids.slice(0, 1), completion: ids.slice(1) }));
  /** Log-probability of each token but the first under PEFT's logits. */
  const logProbs = sequences.flatMap((ids, i) =>
    ids.slice(1).map((id, t) => {
      const row = present(logits[i]?.[t], 'logits of every position');
      return (row[id] ?? NaN) - Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0));
    }),
  );
  let base: LanguageModel;
  let model: LanguageModel;
  beforeAll(async () => {
    base = await openLanguageModel(device, goldenCheckpoint(variant));
    model = wearAdapter(base, await openAdapter(device, base.architecture, join(golden, name)), { trainable: true });
  });
  afterAll(async () => {
    await model.close();
    await base.close();
  });

  const scored = async (each: LanguageModel): Promise<readonly number[]> =>
    (await scoreCompletions(each, items)).flatMap((row) => [...row]);

  it('worn by the base, gives PEFT’s log-probabilities', async () => {
    expect(relativeDifference(await scored(model), logProbs)).toBeLessThan(sameValues);
  });

  it('has PEFT’s gradients for every A and B, and the base gets none', async () => {
    const adapter = present(model.adapter, 'it wears one');
    const { ids_BT, positions_BT, rows_N, targets_N } = packSequences(items);
    const { loss, gradients } = await lossGradients(device, [model.weights, adapter.weights], adapter.parameters, {
      build: (trace) =>
        traceTokenLogProbs(model.architecture, {
          ids_BT: trace.input('ids', 'i64', ['B', 'T']),
          positions_BT: trace.input('positions', 'i64', ['B', 'T']),
          rows_N: trace.input('rows', 'i64', ['N']),
          targets_N: trace.input('targets', 'i64', ['N']),
          attention: { kind: 'causal' },
        }),
      factors: items.flatMap(({ completion }) => completion.map((_, t) => 1 + 0.1 * t)),
      feeds: { ids: ids_BT, positions: positions_BT, rows: rows_N, targets: targets_N },
    });
    expect(Math.abs(loss / weightedSum - 1)).toBeLessThan(sameValues);
    const file = await openSafetensors(join(golden, `${name}.gradients.safetensors`));
    expect([...gradients.keys()].sort()).toEqual([...file.tensors.keys()].sort());
    for (const [parameter, tensor] of file.tensors) {
      expect(relativeDifference(gradients.get(parameter) ?? [], await tensor.read()), parameter).toBeLessThan(
        sameGradients,
      );
    }
    await file.close();
  });

  it('merged into a plain checkpoint, gives the same log-probabilities', async () => {
    const path = join(folder, name, 'merged');
    await saveLanguageModel(model, path);
    const merged = await openLanguageModel(device, path);
    expect(merged.adapter).toBeNull();
    expect(relativeDifference(await scored(merged), logProbs)).toBeLessThan(sameValues);
    await merged.close();
  });

  it('opened by its folder, is the base that it names with the adapter on', async () => {
    const path = join(folder, name);
    await saveLanguageModel(base, join(path, 'base'));
    cpSync(join(golden, name), join(path, 'adapter'), { recursive: true });
    const config = join(path, 'adapter', 'adapter_config.json');
    writeFileSync(
      config,
      readFileSync(config, 'utf8').replace('"base_model_name_or_path": "base"', '"base_model_name_or_path": "../base"'),
    );
    const opened = await openLanguageModel(device, join(path, 'adapter'));
    expect(relativeDifference(await scored(opened), logProbs)).toBeLessThan(sameValues);
    await opened.close();
    const checkpoint = await openCheckpoint(join(path, 'adapter'));
    expect(checkpoint.adapter).toMatchObject({ base: join(path, 'base'), rank: model.adapter?.config.rank });
    await checkpoint.close();
  });

  it('saved by us, has PEFT’s tensors to the bit and PEFT’s settings', async () => {
    const path = join(folder, name, 'saved');
    await saveAdapter(device, present(model.adapter, 'it wears one'), path);
    const open = (at: string): ReturnType<typeof openSafetensors> =>
      openSafetensors(join(at, 'adapter_model.safetensors'));
    const [ours, theirs] = [await open(path), await open(join(golden, name))];
    expect([...ours.tensors.keys()].sort()).toEqual([...theirs.tensors.keys()].sort());
    for (const [parameter, tensor] of theirs.tensors) {
      expect(ours.tensors.get(parameter)).toMatchObject({ shape: tensor.shape, dtype: 'F32' });
      expect(await ours.tensors.get(parameter)?.read()).toEqual(await tensor.read());
    }
    const settings = (at: string): Record<string, unknown> =>
      JSON.parse(readFileSync(join(at, 'adapter_config.json'), 'utf8')) as Record<string, unknown>;
    const { target_modules: modules, ...written } = settings(path);
    const { target_modules: wanted, ...expected } = settings(join(golden, name));
    expect(expected).toMatchObject(written);
    // We write a pattern as the modules that it matches: those that have tensors.
    const adapted = [...theirs.tensors.keys()].map((key) =>
      key.replace(/^base_model\.model\.|\.lora_[AB]\.weight$/g, ''),
    );
    const listed = typeof wanted === 'string' ? [...new Set(adapted)] : (wanted as readonly string[]);
    expect([...(modules as readonly string[])].sort()).toEqual([...listed].sort());
    await ours.close();
    await theirs.close();
  });
});

describe('a new adapter', () => {
  const lora = { rank: 4, alpha: 8, rsLora: false, targetModules: 'all-linear' } as const;
  const items = [{ prefix: [3, 4, 5], completion: [6, 7, 8, 9] }];

  it('is off at first: the model is its base to the bit, and shares its weights; seeds differ', async () => {
    const base = await openLanguageModel(device, goldenCheckpoint('gpt2'));
    const [one, again, other] = await Promise.all([1, 1, 2].map((seed) => adaptLanguageModel(base, lora, { seed })));
    expect(one?.weights).toBe(base.weights);
    expect(one?.base).toBe(base);
    expect(await scoreCompletions(present(one, 'a model'), items)).toEqual(await scoreCompletions(base, items));
    const hash = (model: LanguageModel | undefined): Promise<string> =>
      device.hash(present(model?.adapter, 'an adapter').weights);
    expect(await hash(one)).toBe(await hash(again));
    expect(await hash(one)).not.toBe(await hash(other));
    for (const model of [one, again, other]) await model?.close();
    expect(await scoreCompletions(base, items)).toHaveLength(1); // its weights are still there
    await base.close();
  });

  it('begins as PEFT’s: A even within 1/√in, B zero', async () => {
    const base = await openLanguageModel(device, goldenCheckpoint('llama-tied'));
    const model = await adaptLanguageModel(base, { ...lora, rank: 64 }, { seed: 0 });
    const weights = present(model.adapter, 'an adapter').weights;
    const low = await device.read(weights, 'model.layers.0.mlp.down_proj.lora_A.weight');
    const bound = 1 / Math.sqrt(48);
    const second = low.reduce((sum, value) => sum + value * value, 0) / low.length;
    expect(Math.max(...low.map(Math.abs))).toBeLessThanOrEqual(bound);
    // The variance of an even distribution is bound²/3; 64 · 48 draws are within 10 % of it.
    expect(second / ((bound * bound) / 3)).toBeGreaterThan(0.9);
    expect(second / ((bound * bound) / 3)).toBeLessThan(1.1);
    expect(
      (await device.read(weights, 'model.layers.0.mlp.down_proj.lora_B.weight')).every((value) => value === 0),
    ).toBe(true);
    await model.close();
    await base.close();
  });

  it('is seen by the next generation when it changes, in f32 and in 8 bits, and the base is not', async () => {
    const base = await openLanguageModel(device, goldenCheckpoint('llama-tied'));
    const model = await adaptLanguageModel(base, lora, { seed: 0 });
    const speak = async (each: LanguageModel, precision: 'f32' | 'int8'): Promise<readonly number[]> =>
      (
        await generate(each, [{ ids: [3, 4, 5], stream: streamKey(0, 'test'), scoreFrom: 1 }], {
          ...plainSampling,
          maxNewTokens: 4,
          precision,
        })
      ).flatMap(({ scored }) => scored ?? []);
    const before = { f32: await speak(model, 'f32'), int8: await speak(model, 'int8'), base: await speak(base, 'f32') };
    expect(before.f32).toEqual(before.base);
    const adapter = present(model.adapter, 'an adapter');
    for (const { name, shape } of adapter.parameters) {
      const length = shape.reduce((product, size) => product * size, 1);
      if (name.endsWith('lora_B.weight'))
        await device.write(
          adapter.weights,
          name,
          Float32Array.from({ length }, (_, i) => Math.sin(i)),
        );
    }
    for (const precision of ['f32', 'int8'] as const)
      expect(relativeDifference(await speak(model, precision), before[precision])).toBeGreaterThan(0.05);
    expect(await speak(base, 'f32')).toEqual(before.base);
    await model.close();
    await base.close();
  });

  it('on modules that the model does not have is refused, with those it has', async () => {
    const base = await openLanguageModel(device, goldenCheckpoint('gpt2'));
    const adapt = (targetModules: readonly string[] | string): Promise<LanguageModel> =>
      adaptLanguageModel(base, { ...lora, targetModules }, { seed: 0 });
    await expect(adapt(['c_attn', 'q_proj'])).rejects.toThrow(/transformer\.h\.N\.attn\.c_attn[^]*q_proj/);
    await expect(adapt('q_proj')).rejects.toThrow(/transformer\.h\.N\.mlp\.c_fc/);
    await expect(adapt(['wte'])).rejects.toThrow(/embedding tables/);
    await expect(adapt('(')).rejects.toThrow(/not a pattern/);
    await base.close();
  });
});
