import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FormatError } from '../../../base/errors.js';
import { architectureOf } from '../all.js';
import { openCheckpoint } from './openCheckpoint.js';
import { ggufBytes, type Metadata } from './testing/ggufBytes.js';

const directory = mkdtempSync(join(tmpdir(), 'gadfly-gguf-keys-'));
afterAll(() => rmSync(directory, { recursive: true }));

const u32 = (value: number): Metadata => ({ kind: 'u32', value });
const f32 = (value: number): Metadata => ({ kind: 'f32', value });
const text = (value: string): Metadata => ({ kind: 'text', value });

interface Extra {
  readonly keys?: Readonly<Record<string, Metadata>>;
  /** Tensors of rope factors. */
  readonly factors?: Readonly<Record<string, readonly number[]>>;
}

let count = 0;
/** config.json of a file of 6 layers, 2 heads of 8 channels and 64 positions, whose only weights are 3 embeddings. */
async function configOf(architecture: string, { keys = {}, factors = {} }: Extra): Promise<Record<string, unknown>> {
  const sizes = {
    context_length: u32(64),
    embedding_length: u32(16),
    block_count: u32(6),
    feed_forward_length: u32(24),
    'attention.head_count': u32(2),
    'attention.layer_norm_rms_epsilon': f32(1e-5),
    'attention.layer_norm_epsilon': f32(1e-5),
    ...keys,
  };
  const lists = Object.entries(factors);
  const bytes = ggufBytes({
    metadata: [
      ['general.architecture', text(architecture)],
      ...Object.entries(sizes).map(([key, value]) => [`${architecture}.${key}`, value] as const),
    ],
    tensors: [
      { name: 'token_embd.weight', dimensions: [16, 3], type: 0, offset: 0 },
      ...lists.map(([name, values], i) => ({ name, dimensions: [values.length], type: 0, offset: 192 + 32 * i })),
    ],
    data: new Uint8Array(
      Float32Array.from([
        ...new Array<number>(48).fill(0),
        ...lists.flatMap(([, values]) => [...values, ...new Array<number>(8 - values.length).fill(0)]),
      ]).buffer,
    ),
  });
  const path = join(directory, `${String(count++)}.gguf`);
  writeFileSync(path, bytes);
  const checkpoint = await openCheckpoint(path);
  await checkpoint.close();
  return checkpoint.config;
}

const layersOf = (config: Record<string, unknown>): unknown =>
  (architectureOf(config, 'language', 'test').config as unknown as { readonly layerKinds: unknown }).layerKinds;

describe('keys of Gemma 3 that a file may hold', () => {
  it('say which layers have the window, by a number or by layer', async () => {
    const window = { 'attention.sliding_window': u32(5) };
    const every = await configOf('gemma3', { keys: { ...window, 'attention.sliding_window_pattern': u32(2) } });
    const [sliding, full] = [
      { rope: 1, window: 5 },
      { rope: 0, window: null },
    ];
    expect(layersOf(every)).toEqual([sliding, full, sliding, full, sliding, full]);
    const listed = await configOf('gemma3', {
      keys: { ...window, 'attention.sliding_window_pattern': { kind: 'i32s', value: [0, 1, 1, 0, 1, 1] } },
    });
    expect(layersOf(listed)).toEqual([full, sliding, sliding, full, sliding, sliding]);
    expect(layersOf(await configOf('gemma3', { keys: window }))).toEqual([
      ...new Array<unknown>(5).fill(sliding),
      full,
    ]);
  });

  it('cap the logits and set the base of the local rotation', async () => {
    const config = await configOf('gemma3', {
      keys: { final_logit_softcapping: f32(12.5), 'rope.freq_base_swa': f32(5000), 'rope.freq_base': f32(80_000) },
    });
    const architecture = architectureOf(config, 'language', 'test').config;
    expect(architecture.logitSoftcap).toBe(12.5);
    expect(architecture).toMatchObject({ ropes: [{ theta: 80_000 }, { theta: 5000 }] });
  });

  it('that cap the scores are refused as those of config.json are', async () => {
    const config = await configOf('gemma3', { keys: { attn_logit_softcapping: f32(50) } });
    expect(() => architectureOf(config, 'language', 'test')).toThrow(/attn_logit_softcapping/);
  });
});

describe('a key that changes results and is not read', () => {
  it.each<readonly [string, string, Metadata]>([
    ['llama', 'logit_scale', f32(0.25)],
    ['llama', 'attention.scale', f32(0.5)],
    ['llama', 'attention.causal', { kind: 'flag', value: false }],
    ['llama', 'attention.sliding_window', u32(16)],
    ['llama', 'attention.value_length', u32(4)],
    ['llama', 'final_logit_softcapping', f32(30)],
    ['llama', 'expert_count', u32(8)],
    ['llama', 'rope.dimension_count_swa', u32(4)],
    ['qwen2', 'rope.dimension_count', u32(4)],
    ['qwen3', 'attention.clamp_kqv', f32(8)],
    ['qwen3', 'rope.scaling.attn_factor', f32(1.5)],
    ['phi3', 'embedding_scale', f32(12)],
    ['gemma2', 'rope.freq_base_swa', f32(500)],
    ['gpt2', 'attention.max_alibi_bias', f32(8)],
    ['gpt2', 'use_parallel_residual', { kind: 'flag', value: true }],
  ])('%s.%s is refused by its name', async (architecture, key, value) => {
    const refused = configOf(architecture, { keys: { [key]: value } });
    await expect(refused).rejects.toThrow(FormatError);
    await expect(refused).rejects.toThrow(`${architecture}.${key}`);
  });

  it('is passed over where its value changes nothing', async () => {
    const keys = {
      logit_scale: f32(1),
      'attention.scale': f32(1 / Math.sqrt(8)),
      'attention.causal': { kind: 'flag', value: true } as const,
      'attention.sliding_window': u32(64),
      'attention.value_length': u32(8),
      'attention.key_length': u32(8),
      'rope.dimension_count': u32(8),
      expert_count: u32(0),
      vocab_size: u32(3),
      note: text('of the maker'),
    };
    expect(await configOf('llama', { keys })).toMatchObject({ model_type: 'llama', head_dim: 8 });
  });
});

describe('rope scaling of a file', () => {
  const long = { 'rope_factors_short.weight': [1, 1.1, 1.2, 1.3], 'rope_factors_long.weight': [2, 3, 4, 5] };
  const original = { 'rope.scaling.original_context_length': u32(32) };

  it.each(['phi3', 'llama'])('%s: two lists of factors are longrope, up to the original context', async (name) => {
    const config = await configOf(name, { keys: original, factors: long });
    expect(config['rope_scaling']).toEqual({
      rope_type: 'longrope',
      short_factor: [1, 1.1, 1.2, 1.3],
      long_factor: [2, 3, 4, 5],
      original_max_position_embeddings: 32,
    });
    expect(architectureOf(config, 'language', 'test').config).toMatchObject({
      contextLength: 32,
      ropes: [{ scaling: { attentionFactor: Math.sqrt(1 + Math.log(2) / Math.log(32)) } }],
    });
  });

  it('keeps a factor of the scores that is another than the recommended one', async () => {
    const keys = { ...original, 'rope.scaling.attn_factor': f32(1.25) };
    expect((await configOf('phi3', { keys, factors: long }))['rope_scaling']).toMatchObject({ attention_factor: 1.25 });
  });

  it('with one of the two lists is refused', async () => {
    const factors = { 'rope_factors_long.weight': [2, 3, 4, 5] };
    await expect(configOf('phi3', { factors })).rejects.toThrow(/one of two lists/);
  });

  it('by yarn has the bounds and the factor of llama.cpp', async () => {
    const keys = {
      ...original,
      'rope.scaling.type': text('yarn'),
      'rope.scaling.factor': f32(4),
      'rope.scaling.yarn_beta_fast': f32(16),
      'rope.scaling.attn_factor': f32(2),
    };
    expect((await configOf('qwen3', { keys }))['rope_scaling']).toEqual({
      rope_type: 'yarn',
      factor: 4,
      original_max_position_embeddings: 32,
      beta_fast: 16,
      attention_factor: 2 * (0.1 * Math.log(4) + 1),
    });
  });
});
