import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, EnvironmentError, FormatError, ShapeError } from '../../../base/errors.js';
import type { Checkpoint } from './checkpoint.js';
import { openCheckpoint } from './openCheckpoint.js';
import type { WrittenTensor } from './safetensorsWriter.js';
import { writeCheckpoint, type CheckpointContent } from './writeCheckpoint.js';

const root = mkdtempSync(join(tmpdir(), 'gadfly-checkpoint-'));
afterAll(() => rmSync(root, { recursive: true }));
let directory = '';
let count = 0;
beforeEach(() => {
  directory = join(root, `${count++}`, 'model');
});

async function* stream(list: Iterable<WrittenTensor>): AsyncGenerator<WrittenTensor> {
  yield* list;
}
const tensors: readonly WrittenTensor[] = [
  { name: 'model.embed.weight', shape: [3, 2], data: Float32Array.of(0, -0, 1.5, 1 / 3, -2e-40, Infinity) },
  { name: 'model.norm.weight', shape: [4], data: Float32Array.of(1, 2, 3, 4) },
  { name: 'scale', shape: [], data: Float32Array.of(7) },
  { name: 'none', shape: [0, 5], data: new Float32Array(0) },
  { name: '東京 "quoted"', shape: [1, 1], data: Float32Array.of(-1) },
];
const content: CheckpointContent = {
  config: { model_type: 'test', hidden_size: 2, dtype: 'float64' },
  get tensors() {
    return stream(tensors);
  },
  tokenizerFiles: new Map([
    ['tokenizer.json', '{"model":{}}'],
    ['tokenizer_config.json', '{"eos_token":"x"}'],
    ['generation_config.json', '{"eos_token_id":[1,2]}'],
  ]),
  chatTemplate: '{{ messages }}',
};
const opened = async <T>(read: (checkpoint: Checkpoint) => T): Promise<Awaited<T>> => {
  const checkpoint = await openCheckpoint(directory);
  try {
    return await read(checkpoint);
  } finally {
    await checkpoint.close();
  }
};
const bitsOf = (data: Float32Array): number[] => Array.from(new Uint32Array(data.buffer, data.byteOffset, data.length));

describe('a written checkpoint', () => {
  it('reads back bit for bit, with its tokenizer and template', async () => {
    await writeCheckpoint(directory, content);
    const checkpoint = await openCheckpoint(directory);
    expect(checkpoint.config).toEqual({ model_type: 'test', hidden_size: 2, torch_dtype: 'float32' });
    expect([...checkpoint.tensors.keys()].sort()).toEqual(tensors.map(({ name }) => name).sort());
    for (const { name, shape, data } of tensors) {
      expect(checkpoint.tensors.get(name)?.shape).toEqual(shape);
      expect(bitsOf((await checkpoint.tensors.get(name)?.read()) ?? new Float32Array())).toEqual(bitsOf(data));
    }
    expect(checkpoint.tokenizerFiles).toEqual({
      tokenizerJson: { model: {} },
      tokenizerConfig: { eos_token: 'x' },
      generationConfig: { eos_token_id: [1, 2] },
    });
    expect(checkpoint.chatTemplate).toBe('{{ messages }}');
    await checkpoint.close();
  });

  it.each(['f16', 'bf16'] as const)('in %s reads back as the rounded values', async (dtype) => {
    await writeCheckpoint(directory, { ...content, dtype });
    const checkpoint = await openCheckpoint(directory);
    const embedding = await checkpoint.tensors.get('model.embed.weight')?.read();
    expect(Array.from(embedding ?? [])).toEqual(
      dtype === 'f16' ? [0, -0, 1.5, 0.333251953125, -0, Infinity] : [0, -0, 1.5, 0.333984375, -(2 ** -132), Infinity],
    );
    expect(checkpoint.tensors.get('scale')?.dtype).toBe(dtype.toUpperCase());
    await checkpoint.close();
  });

  it('in shards has an index and reads back the same', async () => {
    await writeCheckpoint(directory, { ...content, maxShardBytes: 24 });
    expect(readdirSync(directory).filter((name) => name.startsWith('model'))).toEqual([
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
      'model.safetensors.index.json',
    ]);
    const index = JSON.parse(readFileSync(join(directory, 'model.safetensors.index.json'), 'utf8')) as {
      metadata: unknown;
    };
    expect(index.metadata).toEqual({ total_size: 48 });
    const checkpoint = await openCheckpoint(directory);
    for (const { name, data } of tensors)
      expect(bitsOf((await checkpoint.tensors.get(name)?.read()) ?? new Float32Array())).toEqual(bitsOf(data));
    await checkpoint.close();
  });

  it('begins its data at a multiple of eight bytes', async () => {
    await writeCheckpoint(directory, content);
    expect(readFileSync(join(directory, 'model.safetensors')).readBigUInt64LE() % 8n).toBe(0n);
  });

  it('replaces an earlier one, leaving nothing of it', async () => {
    await writeCheckpoint(directory, { ...content, maxShardBytes: 24 });
    await writeCheckpoint(directory, { ...content, chatTemplate: null });
    expect(readdirSync(directory).sort()).toEqual([
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    expect(readdirSync(join(directory, '..'))).toEqual(['model']);
  });

  it('takes its tensors from a generator, one at a time', async () => {
    let alive = 0;
    async function* generate(): AsyncGenerator<WrittenTensor> {
      for (let i = 0; i < 3; i++) {
        alive++;
        yield await Promise.resolve({ name: `t${i}`, shape: [1], data: Float32Array.of(i) });
        alive--;
        expect(alive).toBe(0);
      }
    }
    await writeCheckpoint(directory, { ...content, tensors: generate() });
    expect(await opened(({ tensors: read }) => read.size)).toBe(3);
  });
});

describe('a failed write leaves the place as it was', () => {
  const failing = async function* (): AsyncGenerator<WrittenTensor> {
    yield tensors[0] as WrittenTensor;
    throw new Error('no more');
  };

  it('when there was nothing', async () => {
    await expect(writeCheckpoint(directory, { ...content, tensors: failing() })).rejects.toThrow('no more');
    expect(readdirSync(join(directory, '..'))).toEqual([]);
  });
  it('when there was an earlier model', async () => {
    await writeCheckpoint(directory, content);
    await expect(writeCheckpoint(directory, { ...content, tensors: failing() })).rejects.toThrow('no more');
    expect(await opened(({ tensors: read }) => read.size)).toBe(tensors.length);
    expect(readdirSync(join(directory, '..'))).toEqual(['model']);
  });
  it('when data and shape disagree or a name comes twice, with a ShapeError', async () => {
    const wrong = [{ name: 'a', shape: [3], data: new Float32Array(2) }];
    await expect(writeCheckpoint(directory, { ...content, tensors: stream(wrong) })).rejects.toThrow(ShapeError);
    const twice = [tensors[1], tensors[1]] as readonly WrittenTensor[];
    await expect(writeCheckpoint(directory, { ...content, tensors: stream(twice) })).rejects.toThrow(ShapeError);
    expect(readdirSync(join(directory, '..'))).toEqual([]);
  });
  it('when the directory holds something else, with a ConfigError', async () => {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'config.json'), '{}');
    writeFileSync(join(directory, 'thesis.tex'), 'precious');
    await expect(writeCheckpoint(directory, content)).rejects.toThrow(ConfigError);
    expect(readFileSync(join(directory, 'thesis.tex'), 'utf8')).toBe('precious');
  });
  it('when the place cannot be written, with an EnvironmentError', async () => {
    const file = join(root, 'file');
    writeFileSync(file, '');
    await expect(writeCheckpoint(join(file, 'below'), content)).rejects.toThrow(EnvironmentError);
  });
});

describe('a model directory', () => {
  const write = (files: Readonly<Record<string, string>>): void => {
    mkdirSync(directory, { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  };
  const weights = async (): Promise<void> => {
    await writeCheckpoint(directory, { ...content, chatTemplate: null, tokenizerFiles: new Map() });
  };

  it('may lack a tokenizer and a template', async () => {
    await weights();
    const checkpoint = await openCheckpoint(directory);
    expect([checkpoint.tokenizerFiles, checkpoint.chatTemplate]).toEqual([null, null]);
    await checkpoint.close();
  });
  it('gives the template of tokenizer_config.json, also one of several by the name "default"', async () => {
    await weights();
    write({ 'tokenizer.json': '{}', 'tokenizer_config.json': JSON.stringify({ chat_template: 'plain' }) });
    expect(await opened(({ chatTemplate }) => chatTemplate)).toBe('plain');
    write({
      'tokenizer_config.json': JSON.stringify({
        chat_template: [
          { name: 'tool', template: 'x' },
          { name: 'default', template: 'y' },
        ],
      }),
    });
    expect(await opened(({ chatTemplate }) => chatTemplate)).toBe('y');
    write({ 'chat_template.jinja': 'own file' });
    expect(await opened(({ chatTemplate }) => chatTemplate)).toBe('own file');
  });
  it('with weights only as a pickle is refused with the way to convert them', async () => {
    write({ 'config.json': '{}', 'pytorch_model.bin': 'x' });
    await expect(openCheckpoint(directory)).rejects.toThrow(/pickle[\s\S]*save_pretrained/);
  });
  it.each([
    ['absent', {}],
    ['without config.json', { 'model.safetensors': '' }],
    ['without weights', { 'config.json': '{}' }],
  ])('%s is a ConfigError', async (name, files) => {
    if (name !== 'absent') write(files);
    await expect(openCheckpoint(directory)).rejects.toThrow(ConfigError);
  });
  it.each([
    ['a config.json that is not JSON', { 'config.json': '{' }],
    ['a config.json that is a list', { 'config.json': '[]' }],
    ['an index without weight_map', { 'config.json': '{}', 'model.safetensors.index.json': '{}' }],
    [
      'an index that leads out of the directory',
      { 'config.json': '{}', 'model.safetensors.index.json': '{"weight_map":{"a":"../secret.safetensors"}}' },
    ],
    ['an index of numbers', { 'config.json': '{}', 'model.safetensors.index.json': '{"weight_map":{"a":3}}' }],
  ])('with %s is a FormatError', async (_name, files) => {
    write(files);
    await expect(openCheckpoint(directory)).rejects.toThrow(FormatError);
  });
  it('whose index and shards disagree is a FormatError', async () => {
    await writeCheckpoint(directory, { ...content, maxShardBytes: 24 });
    const path = join(directory, 'model.safetensors.index.json');
    const index = JSON.parse(readFileSync(path, 'utf8')) as { weight_map: Record<string, string> };
    const { scale: _scale, ...without } = index.weight_map;
    writeFileSync(path, JSON.stringify({ weight_map: without }));
    await expect(openCheckpoint(directory)).rejects.toThrow(/"scale"[\s\S]*not in the index/);
    writeFileSync(
      path,
      JSON.stringify({ weight_map: { ...index.weight_map, ghost: 'model-00001-of-00002.safetensors' } }),
    );
    await expect(openCheckpoint(directory)).rejects.toThrow(/"ghost"/);
  });
});

it.each(['pytorch_model.bin', 'model.pt', 'model.pth', 'last.ckpt'])(
  '%s given as a model is refused, with the way to convert it',
  async (name) => {
    const path = join(root, name);
    writeFileSync(path, '');
    await expect(openCheckpoint(path)).rejects.toThrow(ConfigError);
    await expect(openCheckpoint(path)).rejects.toThrow(/save_pretrained/);
  },
);

it('a file that is no model is refused with the way to name one', async () => {
  const path = join(root, 'model.safetensors');
  writeFileSync(path, '');
  await expect(openCheckpoint(path)).rejects.toThrow(/directory that holds it/);
});
