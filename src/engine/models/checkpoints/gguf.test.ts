import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { FormatError } from '../../../base/errors.js';
import { present } from '../../../base/invariant.js';
import { loadTokenizer } from '../../text/tokenizer.js';
import { ggufTypes } from './ggufTypes.js';
import { parseRopeScaling } from './ggufRope.js';
import { openCheckpoint } from './openCheckpoint.js';
import { expectTensors, type LoadedByTransformers } from './testing/expectTensors.js';
import {
  ggufBytes,
  text,
  u32,
  u64,
  type GgufFile,
  type Metadata,
  type WrittenTensorInfo,
} from './testing/ggufBytes.js';

const golden = (name: string): string => fileURLToPath(new URL(`../../../../tests/golden/${name}`, import.meta.url));
const readGolden = <T>(name: string): T => JSON.parse(readFileSync(golden(name), 'utf8')) as T;
const directory = mkdtempSync(join(tmpdir(), 'gadfly-gguf-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe('random blocks become the f32 values of the gguf package, bit for bit', () => {
  const blocks =
    readGolden<Record<string, { readonly number: number; readonly bytes: string; readonly values: string }>>(
      'ggufFiles/blocks.json',
    );
  it.each(Object.entries(blocks))('%s', (name, { number, bytes, values }) => {
    const type = ggufTypes.get(number);
    expect(type?.name).toBe(name);
    const raw = Buffer.from(bytes, 'base64');
    const want = Buffer.from(values, 'base64');
    const out = new Float32Array(want.length / 4 + 3);
    type?.read(raw, raw.length / type.blockBytes, out, 3);
    expect(Buffer.from(out.buffer, 12).equals(want)).toBe(true);
  });
  it('for every type the reader knows', () => {
    expect([...ggufTypes.keys()].sort()).toEqual(
      Object.values(blocks)
        .map(({ number }) => number)
        .sort(),
    );
  });
});

describe.each(['llama', 'gpt2'] as const)('a %s model', (name) => {
  const loaded = present(
    readGolden<Record<string, LoadedByTransformers>>('ggufFiles/models.json')[name],
    'transformers has loaded the file',
  );

  it('has the tensors that transformers loads from the file, by name, shape and value', async () => {
    await expectTensors(golden(`ggufFiles/${name}.gguf`), loaded);
  });

  it('has the configuration that transformers makes of the file', async () => {
    const checkpoint = await openCheckpoint(golden(`ggufFiles/${name}.gguf`));
    await checkpoint.close();
    const { rope_parameters: rope, ...rest } = loaded.config;
    const asF32 = (value: unknown): unknown => (typeof value === 'number' ? Math.fround(value) : value);
    for (const [key, value] of Object.entries(rest)) {
      const ours = checkpoint.config[key];
      expect(asF32(ours), key).toEqual(asF32(value));
    }
    // GPT-2 has learned positions.
    const theirs = { llama: { rope_type: 'default', rope_theta: checkpoint.config['rope_theta'] }, gpt2: undefined };
    expect(rope).toEqual(theirs[name]);
    expect(String(checkpoint.config['rms_norm_eps'] ?? checkpoint.config['layer_norm_epsilon'])).toBe('0.00001');
  });

  it('has the tokenizer, its special ids and its template', async () => {
    const checkpoint = await openCheckpoint(golden(`ggufFiles/${name}.gguf`));
    await checkpoint.close();
    const kind = name === 'llama' ? 'smollm' : 'gpt2';
    const tokenizer = loadTokenizer({
      tokenizerJson: null,
      tokenizerConfig: null,
      ...checkpoint.tokenizerFiles,
      config: checkpoint.config,
    });
    const expected = present(
      readGolden<Record<string, { texts: Record<string, { ids: number[] }> }>>('tokenizer/expected.json')[kind],
      'the tokenizer has been written out',
    ).texts;
    expect(Object.keys(expected).length).toBeGreaterThan(0);
    const texts = readGolden<Record<string, string>>('tokenizer/texts.json');
    for (const [textName, row] of Object.entries(expected))
      expect(tokenizer.encode(texts[textName] ?? ''), textName).toEqual(row.ids);
    expect([tokenizer.bosId, tokenizer.endIds, tokenizer.padId, [...tokenizer.specialIds]]).toEqual([
      1,
      [2, 0],
      2,
      [0, 1, 2],
    ]);
    expect(checkpoint.chatTemplate).toContain('m.role');
  });
});

describe('a SentencePiece vocabulary', () => {
  const open = async () => {
    const checkpoint = await openCheckpoint(golden('ggufFiles/sentencePiece.gguf'));
    await checkpoint.close();
    return loadTokenizer({ tokenizerJson: null, tokenizerConfig: null, ...checkpoint.tokenizerFiles });
  };
  const expected =
    readGolden<Record<string, { readonly ids: number[]; readonly text: string }>>('ggufFiles/sentencePiece.json');
  const texts = readGolden<Record<string, string>>('tokenizer/texts.json');

  it('encodes texts to the ids of the sentencepiece package, after BOS', async () => {
    const tokenizer = await open();
    // The next test is about the text that is left out.
    const alike = Object.entries(expected).filter(([name]) => name !== 'other added');
    expect(alike).toHaveLength(Object.keys(expected).length - 1);
    for (const [name, { ids }] of alike) {
      expect(tokenizer.encode(texts[name] ?? '', { addSpecialTokens: false }), name).toEqual(ids);
      expect(tokenizer.encode(texts[name] ?? ''), name).toEqual([tokenizer.bosId, ...ids]);
    }
  });
  it('sets a space before the text after an added token, as llama.cpp does and sentencepiece does not', async () => {
    const tokenizer = await open();
    const pieces = tokenizer.encode('a <tool_call>b', { addSpecialTokens: false }).map(tokenizer.tokenText);
    expect(pieces).toEqual(['▁a', '▁', '<tool_call>', '▁b']);
  });
  it('decodes them to the same texts', async () => {
    const tokenizer = await open();
    for (const [name, { ids, text: want }] of Object.entries(expected)) expect(tokenizer.decode(ids), name).toBe(want);
  });
});

const tokenizerMetadata = (
  pre: string | null,
  tokens: readonly string[],
  merges: readonly string[],
): [string, Metadata][] => [
  ['tokenizer.ggml.model', { kind: 'text', value: 'gpt2' }],
  ...(pre === null ? [] : [['tokenizer.ggml.pre', { kind: 'text', value: pre }] satisfies [string, Metadata]]),
  ['tokenizer.ggml.tokens', { kind: 'texts', value: tokens }],
  ['tokenizer.ggml.merges', { kind: 'texts', value: merges }],
];
const f32Tensor = (name: string, dimensions: readonly number[], offset: number): WrittenTensorInfo => ({
  name,
  dimensions,
  type: 0,
  offset,
});
const llamaMetadata: readonly (readonly [string, Metadata])[] = [
  ['general.architecture', { kind: 'text', value: 'llama' }],
  ...Object.entries({
    block_count: 1,
    context_length: 64,
    embedding_length: 8,
    feed_forward_length: 4,
    'attention.head_count': 2,
  }).map(([key, value]) => [`llama.${key}`, { kind: 'u32', value }] satisfies [string, Metadata]),
  ['llama.attention.layer_norm_rms_epsilon', { kind: 'f32', value: 1e-6 }],
];
const minimal: GgufFile = {
  metadata: llamaMetadata,
  tensors: [f32Tensor('token_embd.weight', [8, 3], 0)],
  data: new Uint8Array(96),
};
let count = 0;
const openBytes = async (bytes: Uint8Array) => {
  const path = join(directory, `${count++}.gguf`);
  writeFileSync(path, bytes);
  const checkpoint = await openCheckpoint(path);
  await checkpoint.close();
  return checkpoint;
};
const withMetadata = (...extra: readonly (readonly [string, Metadata])[]): GgufFile => ({
  ...minimal,
  metadata: [...llamaMetadata, ...extra],
});

it('a token of spaces is cut out of a text whose spaces are spaces, marks of SentencePiece, or both', async () => {
  // Spelled as llama.cpp's converter spells user-defined tokens: in Gemma's files 30 runs of spaces.
  const tokens = ['<unk>', '<s>', '</s>', '▁', 'a', 'b', '  ', '▁a'];
  const { tokenizerFiles } = await openBytes(
    ggufBytes(
      withMetadata(
        ['tokenizer.ggml.model', { kind: 'text', value: 'llama' }],
        ['tokenizer.ggml.tokens', { kind: 'texts', value: tokens }],
        ['tokenizer.ggml.token_type', { kind: 'i32s', value: [2, 3, 3, 1, 1, 1, 4, 1] }],
        ['tokenizer.ggml.scores', { kind: 'f32s', value: [0, 0, 0, -3, -1, -2, -1000, -1] }],
        ['tokenizer.ggml.add_space_prefix', { kind: 'flag', value: false }],
      ),
    ),
  );
  const tokenizer = loadTokenizer({ tokenizerJson: null, tokenizerConfig: null, ...tokenizerFiles });
  for (const text of ['b  a', 'b▁▁a', 'b▁ a']) {
    expect(tokenizer.encode(text, { addSpecialTokens: false }), text).toEqual([5, 6, 4]);
  }
  expect(tokenizer.decode([5, 6, 4, 7])).toBe('b  a a');
  expect(tokenizer.encode('b a', { addSpecialTokens: false })).toEqual([5, 7]);
});

describe('the pre-tokenizer', () => {
  type Rules = { readonly model: { vocab: Record<string, number>; merges: [string, string][] } };
  const { model } = readGolden<Rules>('tokenizer/llama3.json');
  const tokens = Object.keys(model.vocab).sort((a, b) => (model.vocab[a] ?? 0) - (model.vocab[b] ?? 0));
  const merges = model.merges.map((pair) => pair.join(' '));
  const encode = async (pre: string | null, input: string): Promise<string> => {
    const { tokenizerFiles } = await openBytes(ggufBytes(withMetadata(...tokenizerMetadata(pre, tokens, merges))));
    const tokenizer = loadTokenizer({ tokenizerJson: null, tokenizerConfig: null, ...tokenizerFiles });
    return tokenizer.encode(input).map(tokenizer.tokenText).join('|');
  };

  it('smollm cuts before every digit, also after a space and a newline', async () => {
    expect(await encode('smollm', '\n\n1 boat  23')).toBe('ĊĊ|1|Ġbo|at|ĠĠ|2|3');
  });
  it('gpt-2 takes digits together with the space before them', async () => {
    expect(await encode('gpt-2', '\n\n1 boat  23')).toBe('Ċ|Ċ|1|Ġbo|at|Ġ|Ġ|2|3');
  });
  it('llama-bpe cuts digits by three and takes whole tokens before merging', async () => {
    const { texts } = readGolden<Record<string, { texts: Record<string, { ids: number[] }> }>>(
      'tokenizer/expected.json',
    )['llama3'] ?? { texts: {} };
    const { tokenizerFiles } = await openBytes(
      ggufBytes(withMetadata(...tokenizerMetadata('llama-bpe', tokens, merges))),
    );
    const tokenizer = loadTokenizer({ tokenizerJson: null, tokenizerConfig: null, ...tokenizerFiles });
    const samples = readGolden<Record<string, string>>('tokenizer/texts.json');
    for (const name of ['digits', 'code', 'cjk', 'emoji', 'spaces', 'newlines', 'contractions']) {
      expect(tokenizer.encode(samples[name] ?? ''), name).toEqual(texts[name]?.ids);
    }
  });
  it('of a file that names none is the default of llama.cpp: punctuation apart, digits by three', async () => {
    expect(await encode(null, 'add(12345), x')).toBe(await encode('default', 'add(12345), x'));
    expect(await encode('default', 'add(12345), x')).toBe('add|(|123|45|)|,|Ġx');
  });
  it('that is unknown is a FormatError, not a guess', async () => {
    await expect(encode('telepathy', 'x')).rejects.toThrow(/unknown pre-tokenizer/);
  });
});

describe('a token that occurs twice', () => {
  it('is named with both of its ids, and with what to do', async () => {
    const file = ggufBytes(withMetadata(...tokenizerMetadata('gpt-2', ['a', 'boat', 'b', 'boat'], [])));
    await expect(openBytes(file)).rejects.toThrow(/"boat" as 1 and as 3[^]*Hugging Face layout/);
  });
});

describe('rope scaling', () => {
  const none = {
    where: 'test',
    architecture: 'llama',
    has: () => false,
    text: () => null,
    number: () => null,
    requiredNumber: () => 0,
    flag: () => null,
    texts: () => null,
    numbers: () => null,
    numberOrNumbers: () => null,
  };
  const cases = readGolden<
    readonly {
      theta: number;
      headSize: number;
      factor: number;
      low: number;
      high: number;
      original: number;
      factors: number[];
    }[]
  >('ggufFiles/rope.json');
  it.each(cases)(
    'by factors of Llama 3 ($factor, $low, $high, $original) gives back its parameters',
    ({ factors, theta, headSize, factor, low, high, original }) => {
      const scaling = parseRopeScaling(none, {
        tensors: new Map([['rope_freqs.weight', Float32Array.from(factors)]]),
        theta,
        headSize,
        contextLength: 131072,
        architecture: 'llama',
      });
      // Only the quotients are in the factors: (2, 5, 4096) and (1, 2.5, 2048) are the same rule.
      expect(scaling).toEqual({
        rope_type: 'llama3',
        factor,
        low_freq_factor: 1,
        high_freq_factor: high / low,
        original_max_position_embeddings: original / low,
      });
    },
  );
  it('by factors that follow no rule is a FormatError', () => {
    const factors = Float32Array.from({ length: 64 }, (_, i) => 1 + ((i * 7) % 13));
    const tensors = new Map([['rope_freqs.weight', factors]]);
    expect(() =>
      parseRopeScaling(none, { tensors, theta: 10000, headSize: 128, contextLength: 64, architecture: 'llama' }),
    ).toThrow(FormatError);
    expect(() =>
      parseRopeScaling(none, { tensors, theta: 10000, headSize: 64, contextLength: 64, architecture: 'llama' }),
    ).toThrow(FormatError);
  });
  it('by metadata is kept, and none is none', async () => {
    const linear = withMetadata(
      ['llama.rope.scaling.type', { kind: 'text', value: 'linear' }],
      ['llama.rope.scaling.factor', { kind: 'f32', value: 2.5 }],
    );
    expect((await openBytes(ggufBytes(linear))).config['rope_scaling']).toEqual({ rope_type: 'linear', factor: 2.5 });
    expect((await openBytes(ggufBytes(minimal))).config['rope_scaling']).toBeUndefined();
  });
});

describe('a model', () => {
  it('with output.weight has an untied head, one without is tied', async () => {
    const untied = {
      ...minimal,
      tensors: [f32Tensor('token_embd.weight', [8, 3], 0), f32Tensor('output.weight', [8, 3], 96)],
      data: new Uint8Array(192),
    };
    const checkpoint = await openBytes(ggufBytes(untied));
    expect([checkpoint.config['tie_word_embeddings'], checkpoint.tensors.has('lm_head.weight')]).toEqual([false, true]);
    expect((await openBytes(ggufBytes(minimal))).config['tie_word_embeddings']).toBe(true);
  });
  it('of version 2, or with another alignment, is read', async () => {
    const data = Buffer.alloc(96);
    data.writeFloatLE(1.5, 4);
    expect((await openBytes(ggufBytes({ ...minimal, version: 2 }))).tensors.size).toBe(1);
    const wide = ggufBytes({
      ...withMetadata(['general.alignment', { kind: 'u32', value: 256 }]),
      alignment: 256,
      data,
    });
    const path = join(directory, 'wide.gguf');
    writeFileSync(path, wide);
    const checkpoint = await openCheckpoint(path);
    expect((await checkpoint.tensors.get('model.embed_tokens.weight')?.read())?.[1]).toBe(1.5);
    await checkpoint.close();
  });
});

describe('a hostile file is a FormatError', () => {
  const tensors = (...list: readonly WrittenTensorInfo[]): GgufFile => ({ ...minimal, tensors: list });
  const embedding = f32Tensor('token_embd.weight', [8, 3], 0);
  const raw = (...parts: readonly Uint8Array[]): Uint8Array => Buffer.concat([Buffer.from('GGUF'), u32(3), ...parts]);

  it.each<readonly [string, GgufFile]>([
    ['with another magic', { ...minimal, magic: 'GGML' }],
    ['of version 1', { ...minimal, version: 1 }],
    ['of version 4', { ...minimal, version: 4 }],
    ['that is big-endian', { ...minimal, version: 0x03000000 }],
    ['with 2^63 tensors', { ...minimal, tensorCount: 2n ** 63n }],
    ['with more tensors than fit', { ...minimal, tensorCount: 1000n }],
    ['with 2^40 metadata entries', { ...minimal, metadataCount: 2n ** 40n }],
    ['with one metadata entry too many', { ...minimal, metadataCount: BigInt(llamaMetadata.length + 1) }],
    ['with a key twice', withMetadata(['llama.block_count', { kind: 'u32', value: 1 }])],
    ['with alignment 0', withMetadata(['general.alignment', { kind: 'u32', value: 0 }])],
    ['with a textual alignment', withMetadata(['general.alignment', { kind: 'text', value: '32' }])],
    ['with a tensor twice', tensors(embedding, { ...embedding, offset: 96 })],
    ['with an unaligned tensor', tensors({ ...embedding, offset: 4 })],
    ['with a tensor past the end', tensors(f32Tensor('token_embd.weight', [8, 4], 0))],
    ['with an offset of 2^60', tensors({ ...embedding, offset: 2 ** 60 })],
    ['with overlapping tensors', tensors(embedding, f32Tensor('output.weight', [8, 1], 32))],
    ['with dimensions that overflow', tensors(f32Tensor('token_embd.weight', [2 ** 40, 2 ** 40], 0))],
    ['with five dimensions', tensors(f32Tensor('token_embd.weight', [1, 1, 1, 1, 1], 0))],
    ['with rows that do not fill blocks', tensors({ ...embedding, type: 8 })],
    ['with an unknown element type', tensors({ ...embedding, type: 99 })],
    ['with an unknown tensor', tensors(embedding, f32Tensor('blk.0.mystery.weight', [8], 96))],
    ['with a name of the prototype', tensors(embedding, f32Tensor('blk.0.constructor.weight', [], 96))],
    ['without embedding', tensors()],
    ['without a needed size', { ...minimal, metadata: llamaMetadata.slice(0, 2) }],
    [
      'with a size that is a text',
      { ...minimal, metadata: [...llamaMetadata.slice(1), ['general.architecture', { kind: 'u32', value: 3 }]] },
    ],
    ['of another architecture', { ...minimal, metadata: [['general.architecture', { kind: 'text', value: 'mamba' }]] }],
    [
      'of an architecture named like a method',
      { ...minimal, metadata: [['general.architecture', { kind: 'text', value: 'toString' }]] },
    ],
    ['that is a part of several', withMetadata(['split.count', { kind: 'u32', value: 3 }])],
    ['with experts', withMetadata(['llama.expert_count', { kind: 'u32', value: 8 }])],
    ['with query rows that do not divide into heads', tensors(embedding, f32Tensor('blk.0.attn_q.weight', [8, 3], 96))],
    [
      'with a tokenizer of another kind',
      withMetadata(
        ['tokenizer.ggml.model', { kind: 'text', value: 'rwkv' }],
        ['tokenizer.ggml.tokens', { kind: 'texts', value: ['a'] }],
      ),
    ],
    ['with a token twice', withMetadata(...tokenizerMetadata('gpt-2', ['a', 'a'], []))],
    ['with a merge of one token', withMetadata(...tokenizerMetadata('gpt-2', ['a', 'b'], ['ab']))],
    [
      'with fewer token types than tokens',
      withMetadata(...tokenizerMetadata('gpt-2', ['a', 'b'], []), [
        'tokenizer.ggml.token_type',
        { kind: 'i32s', value: [1] },
      ]),
    ],
    [
      'with llama pieces without scores',
      withMetadata(
        ['tokenizer.ggml.model', { kind: 'text', value: 'llama' }],
        ['tokenizer.ggml.tokens', { kind: 'texts', value: ['a'] }],
      ),
    ],
  ])('%s', async (_name, file) => {
    await expect(openBytes(ggufBytes({ ...file, data: file.data ?? new Uint8Array(96) }))).rejects.toThrow(FormatError);
  });

  it.each([
    ['empty', new Uint8Array(0)],
    ['with a text of 2^50 bytes', raw(u64(0n), u64(1n), u64(2n ** 50n))],
    [
      'with an array of 2^50 numbers',
      raw(u64(0n), u64(1n), text('k'), u32(9), u32(4), u64(2n ** 50n), Buffer.alloc(64)),
    ],
    ['with an array of 2^50 texts', raw(u64(0n), u64(1n), text('k'), u32(9), u32(8), u64(2n ** 50n), Buffer.alloc(64))],
    [
      'with arrays in arrays without end',
      raw(
        u64(0n),
        u64(1n),
        text('k'),
        u32(9),
        ...Array.from({ length: 20 }, () => Buffer.concat([u32(9), u64(1n)])),
        Buffer.alloc(64),
      ),
    ],
    ['with metadata of an unknown type', raw(u64(0n), u64(1n), text('k'), u32(77), Buffer.alloc(64))],
    [
      'with a text that is not UTF-8',
      raw(u64(0n), u64(1n), u64(2n), Buffer.from([0xff, 0xfe]), u32(4), u32(0), Buffer.alloc(64)),
    ],
  ])('%s', async (_name, bytes) => {
    await expect(openBytes(bytes)).rejects.toThrow(FormatError);
  });

  it('cut short anywhere', async () => {
    const whole = ggufBytes(withMetadata(...tokenizerMetadata('smollm', ['a', 'b', 'ab'], ['a b'])));
    await openBytes(whole);
    for (let length = 0; length < whole.length; length += 7)
      await expect(openBytes(whole.subarray(0, length)), `${length}`).rejects.toThrow(FormatError);
  });
});
