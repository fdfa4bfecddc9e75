import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyModel } from '../../tests/fakes/tinyModel.js';
import { present } from '../base/invariant.js';
import { saveAdapter } from '../engine/models/adapters/adapter.js';
import { adaptLanguageModel, saveLanguageModel } from '../engine/models/languageModel.js';
import { scoreCompletions } from '../engine/models/scoreCompletions.js';
import { type Device, openDevice } from '../engine/runtime/device.js';
import { jsonOf, runCli } from './testing/fakeTerminal.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-adapters-'));
const adapterPath = join(folder, 'adapter');
const settingsPath = join(adapterPath, 'adapter_config.json');
let device: Device;
/** The values of the bytes of 'bc' after 'a', with the adapter on. */
let expected: readonly number[];

beforeAll(async () => {
  device = await openDevice({ threads: 1 });
  const base = await tinyModel(device, { seed: 1 });
  await saveLanguageModel(base, join(folder, 'base'));
  const model = await adaptLanguageModel(
    base,
    { rank: 2, alpha: 4, rsLora: false, targetModules: ['q_proj', 'up_proj'] },
    { seed: 2, source: '../base' },
  );
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
  await saveAdapter(device, adapter, adapterPath);
  expected = Array.from((await scoreCompletions(model, [{ prefix: [97], completion: [98, 99] }]))[0] ?? []);
});
afterAll(() => device.close());

const cli = (...argv: readonly string[]) => runCli([...argv, '--threads', '1', '--json']);
const scoreOf = async (model: string): Promise<readonly number[]> => {
  const { results } = jsonOf(await cli('score', '--model', model, '--prompt', 'a', '--completion', 'bc')) as {
    results: { logProbs: number[] }[];
  };
  return results[0]?.logProbs ?? [];
};
const expectScores = (got: readonly number[]): void => {
  expect(got).toHaveLength(expected.length);
  got.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i] ?? NaN, 4);
  });
};

describe('a folder with adapter_config.json, as a model', () => {
  it('speaks as the base that it names with the adapter on, and models inspect shows both', async () => {
    expectScores(await scoreOf(adapterPath));
    const facts = jsonOf(await cli('models', 'inspect', adapterPath));
    expect(facts).toMatchObject({
      type: 'llama',
      adapter: { base: join(folder, 'base'), rank: 2, alpha: 4, targetModules: ['q_proj', 'up_proj'] },
    });
  });

  it('models convert writes it merged, a plain model that speaks the same', async () => {
    const to = join(folder, 'merged');
    expect((await cli('models', 'convert', adapterPath, '--to', to)).code).toBe(0);
    expect(jsonOf(await cli('models', 'inspect', to))).not.toHaveProperty('adapter');
    expectScores(await scoreOf(to));
  });

  it.each([
    ['use_dora', true, /use_dora/],
    ['bias', 'all', /bias/],
    ['modules_to_save', ['lm_head'], /modules_to_save/],
    ['peft_type', 'IA3', /peft_type/],
    ['rank_pattern', { q_proj: 8 }, /rank_pattern/],
    ['init_lora_weights', 'pissa', /init_lora_weights/],
    ['a_new_trick', true, /a_new_trick/],
    ['base_model_name_or_path', '../nowhere', /nowhere/],
    ['base_model_name_or_path', null, /names no base/],
    ['r', 3, /another model[^]*\[3, 16\][^]*\[2, 16\]/],
  ] as const)('%s: %j is refused by name', async (name, value, message) => {
    const before = readFileSync(settingsPath, 'utf8');
    writeFileSync(settingsPath, JSON.stringify({ ...(JSON.parse(before) as object), [name]: value }));
    try {
      const result = await cli('models', 'inspect', adapterPath);
      expect([1, 2]).toContain(result.code);
      expect(`${result.output}${result.errors}`).toMatch(message);
    } finally {
      writeFileSync(settingsPath, before);
    }
  });
});
