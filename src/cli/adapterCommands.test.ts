import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyModel } from '../../tests/fakes/tinyModel.js';
import { present } from '../base/invariant.js';
import { saveAdapter } from '../engine/models/adapters/adapter.js';
import { adaptLanguageModel, saveLanguageModel } from '../engine/models/languageModel.js';
import {
  adaptSequenceClassifier,
  classify,
  classProbabilities,
  createSequenceClassifier,
  saveSequenceClassifier,
} from '../engine/models/sequenceClassifier.js';
import { byteTokenizer } from '../speakers/judges/testing/tinyClassifier.js';
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
    ['base_model_name_or_path', '../nowhere', /adapter_config\.json: base_model_name_or_path[^]*nowhere[^]*--base/],
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

  it('whose base has moved goes on the model that --base names', async () => {
    const moved = join(folder, 'moved');
    cpSync(adapterPath, moved, { recursive: true });
    const settings = join(moved, 'adapter_config.json');
    writeFileSync(settings, readFileSync(settings, 'utf8').replace('../base', '/home/someone/elsewhere'));
    const [model, base] = [moved, join(folder, 'base')];
    expect((await cli('score', '--model', model, '--prompt', 'a', '--completion', 'bc')).code).toBe(2);
    const { results } = jsonOf(
      await cli('score', '--model', model, '--base', base, '--prompt', 'a', '--completion', 'bc'),
    ) as { results: { logProbs: number[] }[] };
    expectScores(results[0]?.logProbs ?? []);
    expect(jsonOf(await cli('models', 'inspect', model, '--base', base))).toMatchObject({ adapter: { base } });
  });

  it.each([
    ['lm_head.lora_A.weight', /lm_head[^]*vocabulary head/],
    ['model.embed_tokens.lora_embedding_A', /embed_tokens[^]*embedding table/],
    ['model.embed_tokens.weight', /embed_tokens[^]*whole vocabulary table/],
    ['model.layers.0.self_attn.q_proj.lora_B.bias', /lora_bias/],
    ['model.layers.0.self_attn.q_proj.lora_magnitude_vector', /another kind/],
    ['model.norm.weight', /whole tensor/],
  ])('with a tensor %s is refused by what the tensor is for', async (name, message) => {
    const other = join(folder, name);
    cpSync(adapterPath, other, { recursive: true });
    const path = join(other, 'adapter_model.safetensors');
    const file = readFileSync(path);
    const length = Number(file.readBigUInt64LE(0));
    const header = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<string, object>;
    const end = file.length - 8 - length;
    header[`base_model.model.${name}`] = { dtype: 'F32', shape: [1, 1], data_offsets: [end, end + 4] };
    const text = Buffer.from(JSON.stringify(header));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(text.length));
    writeFileSync(path, Buffer.concat([size, text, file.subarray(8 + length), Buffer.alloc(4)]));
    const result = await cli('models', 'inspect', other);
    expect(result.code).toBe(2);
    expect(result.errors).toMatch(message);
  });

  it('of a sequence classifier is a judge, with the head that it brings', async () => {
    const base = await createSequenceClassifier(
      device,
      {
        model_type: 'llama',
        vocab_size: 256,
        hidden_size: 8,
        intermediate_size: 16,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        max_position_embeddings: 64,
        initializer_range: 0.5,
        id2label: { 0: 'kind', 1: 'rude' },
      },
      byteTokenizer(),
      3,
    );
    await saveSequenceClassifier(base, join(folder, 'classifier'));
    const lora = { rank: 2, alpha: 4, rsLora: false, targetModules: ['q_proj'] };
    const model = await adaptSequenceClassifier(base, lora, { seed: 5 });
    const { adapter } = model;
    for (const { name, shape } of adapter?.parameters ?? []) {
      const length = shape.reduce((product, size) => product * size, 1);
      const values = Float32Array.from({ length }, (_, i) => Math.sin(i + 1));
      if (adapter !== null && !name.endsWith('lora_A.weight')) await device.write(adapter.weights, name, values);
    }
    const judge = join(folder, 'judge');
    await saveAdapter(device, { ...present(adapter, 'an adapter'), base: '../classifier' }, judge);
    const [logits] = await classify(model, [model.tokenizer.encode('green shoes')]);
    const { results } = jsonOf(await cli('judge', '--judge', judge, '--text', 'green shoes')) as {
      results: { harm: number }[];
    };
    expect(results[0]?.harm).toBeCloseTo(classProbabilities(present(logits, 'logits'), false)[1] ?? NaN, 5);
    const [plain] = await classify(base, [base.tokenizer.encode('green shoes')]);
    expect(results[0]?.harm).not.toBeCloseTo(classProbabilities(present(plain, 'logits'), false)[1] ?? NaN, 2);
    await model.close();
    await base.close();
  });
});
