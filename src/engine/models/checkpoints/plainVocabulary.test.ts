import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../../base/errors.js';
import { present } from '../../../base/invariant.js';
import { loadTokenizer, type Tokenizer } from '../../text/tokenizer.js';
import { readTokenizerFiles } from './huggingFace.js';

/** Written by transformers: tests/golden/encoderTokenizers.py. */
const folder = resolve(import.meta.dirname, '../../../../tests/golden/encoderTokenizers');
const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
const { texts: more, ids } = read(join(folder, 'expected.json')) as {
  readonly texts: Readonly<Record<string, string>>;
  readonly ids: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
};
const texts = { ...(read(join(folder, '../tokenizer/texts.json')) as Readonly<Record<string, string>>), ...more };

describe.each(Object.entries(ids))('the %s tokenizer', (kind, expected) => {
  const check = (tokenizer: Tokenizer): void => {
    for (const [name, want] of Object.entries(expected))
      expect(tokenizer.encode(present(texts[name as keyof typeof texts], 'a text')), name).toEqual(want);
  };

  it('made of plain vocabulary files gives every text the ids of transformers, special tokens included', async () => {
    check(loadTokenizer(present(await readTokenizerFiles(join(folder, kind)), 'there is a vocabulary')));
  });

  it('of the tokenizer.json that transformers saves gives the same, and is the same tokenizer', async () => {
    const saved = loadTokenizer({
      tokenizerJson: read(join(folder, kind, 'transformersTokenizer.json')),
      tokenizerConfig: {},
    });
    check(saved);
    expect(
      loadTokenizer(present(await readTokenizerFiles(join(folder, kind)), 'there is a vocabulary')).vocabularySize,
    ).toBe(saved.vocabularySize);
  });
});

describe('a plain vocabulary whose rules are not known', () => {
  const dir = mkdtempSync(join(tmpdir(), 'gadfly-vocabulary-'));
  afterAll(() => rmSync(dir, { recursive: true }));

  it.each([
    ['another family', { 'config.json': '{"model_type":"funnel"}' }],
    ['added tokens', { 'added_tokens.json': '{"<x>": 500}' }],
    ['another tokenizer class', { 'tokenizer_config.json': '{"tokenizer_class":"BertJapaneseTokenizer"}' }],
  ])('(%s) is refused with the command that makes tokenizer.json', async (name, files) => {
    const copy = join(dir, name);
    cpSync(join(folder, 'uncased'), copy, { recursive: true });
    for (const [file, text] of Object.entries(files)) writeFileSync(join(copy, file), text);
    await expect(readTokenizerFiles(copy)).rejects.toThrow(ConfigError);
    await expect(readTokenizerFiles(copy)).rejects.toThrow(/AutoTokenizer/);
  });
});
