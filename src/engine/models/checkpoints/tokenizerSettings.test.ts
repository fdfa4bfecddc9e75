import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { present } from '../../../base/invariant.js';
import { loadTokenizer, type Tokenizer } from '../../text/tokenizer.js';
import { readTokenizerFiles } from './huggingFace.js';
import { openCheckpoint } from './openCheckpoint.js';
import { ggufBytes } from './testing/ggufBytes.js';

interface Case {
  readonly files: Readonly<Record<string, string>>;
  readonly rows: readonly {
    readonly text: string;
    readonly ids: readonly number[];
    readonly bare: readonly number[];
  }[];
}

// tests/golden/tokenizerSettings.py, from transformers
const path = resolve(import.meta.dirname, '../../../../tests/golden/tokenizerSettings/expected.json');
const golden = JSON.parse(readFileSync(path, 'utf8')) as Record<string, Case>;
const root = mkdtempSync(join(tmpdir(), 'gadfly-settings-'));
afterAll(() => rmSync(root, { recursive: true }));

let count = 0;
function newFolder(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(root, `${String(count++)}-`));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

async function tokenizerIn(files: Readonly<Record<string, string>>): Promise<Tokenizer> {
  const config: unknown = JSON.parse(files['config.json'] ?? '{}');
  return loadTokenizer({ ...present(await readTokenizerFiles(newFolder(files)), 'there is a tokenizer'), config });
}

function checkRows(tokenizer: Tokenizer, { rows }: Case): void {
  for (const { text, ids, bare } of rows) {
    expect(tokenizer.encode(text), text).toEqual(ids);
    expect(tokenizer.encode(text, { addSpecialTokens: false }), text).toEqual(bare);
  }
}

describe.each(Object.entries(golden))('%s', (_name, settings) => {
  it('gives every text the ids of transformers', async () => {
    checkRows(await tokenizerIn(settings.files), settings);
  });

  it('is saved as a tokenizer that gives the same ids', async () => {
    const tokenizer = await tokenizerIn(settings.files);
    checkRows(await tokenizerIn(Object.fromEntries(tokenizer.files)), settings);
  });
});

describe.each([
  ['qwen2', "Qwen2's pattern, composed letters"],
  ['deepseek-r1-qwen', "Qwen2's pattern, composed letters"],
  ['gpt-4o', "GPT-4o's pattern"],
])('the pre-tokenizer %s of a GGUF file', (pre, name) => {
  it('gives every text the ids of the tokenizer in Hugging Face layout', async () => {
    const settings = present(golden[name], 'a case of the goldens');
    const { model } = JSON.parse(settings.files['tokenizer.json'] ?? '') as {
      readonly model: { readonly vocab: Record<string, number>; readonly merges: readonly [string, string][] };
    };
    const tokens = Object.keys(model.vocab).sort((a, b) => (model.vocab[a] ?? 0) - (model.vocab[b] ?? 0));
    const file = join(newFolder({}), 'model.gguf');
    writeFileSync(
      file,
      ggufBytes({
        metadata: [
          ['general.architecture', { kind: 'text', value: 'qwen2' }],
          ['qwen2.block_count', { kind: 'u32', value: 1 }],
          ['qwen2.context_length', { kind: 'u32', value: 64 }],
          ['qwen2.embedding_length', { kind: 'u32', value: 8 }],
          ['qwen2.feed_forward_length', { kind: 'u32', value: 4 }],
          ['qwen2.attention.head_count', { kind: 'u32', value: 2 }],
          ['qwen2.attention.layer_norm_rms_epsilon', { kind: 'f32', value: 1e-6 }],
          ['tokenizer.ggml.model', { kind: 'text', value: 'gpt2' }],
          ['tokenizer.ggml.pre', { kind: 'text', value: pre }],
          ['tokenizer.ggml.tokens', { kind: 'texts', value: tokens }],
          ['tokenizer.ggml.token_type', { kind: 'i32s', value: tokens.map((_, id) => (id < 4 ? 3 : 1)) }],
          ['tokenizer.ggml.merges', { kind: 'texts', value: model.merges.map((pair) => pair.join(' ')) }],
        ],
        tensors: [{ name: 'token_embd.weight', dimensions: [8, 3], type: 0, offset: 0 }],
        data: new Uint8Array(96),
      }),
    );
    const checkpoint = await openCheckpoint(file);
    await checkpoint.close();
    checkRows(
      loadTokenizer({ ...present(checkpoint.tokenizerFiles, 'the file has a tokenizer'), config: checkpoint.config }),
      settings,
    );
  });
});

describe('a text that goes on', () => {
  it('has no space set before it, where the tokenizer sets one before every text', async () => {
    const { files } = present(
      golden['GPT-2: a space before the text by tokenizer_config.json'],
      'a case of the goldens',
    );
    const tokenizer = await tokenizerIn(files);
    const goesOn = { addSpecialTokens: false, goesOn: true };
    expect(tokenizer.decode(tokenizer.encode('swans', goesOn))).toBe('swans');
    expect(tokenizer.encode(' swans', goesOn)).toEqual(tokenizer.encode('swans', { addSpecialTokens: false }));
  });

  it.each(['llama', 'metaspace'])('has no mark set before it (%s)', (kind) => {
    const tokenizer = loadTokenizer({
      tokenizerJson: JSON.parse(readFileSync(resolve(path, `../../tokenizer/${kind}.json`), 'utf8')),
      tokenizerConfig: {},
    });
    const goesOn = { addSpecialTokens: false, goesOn: true };
    expect(tokenizer.encode(' harbour', goesOn)).toEqual(tokenizer.encode('harbour', { addSpecialTokens: false }));
    expect(tokenizer.encode('harbour', goesOn).map(tokenizer.tokenText)[0]).not.toMatch(/^▁/);
  });
});
