import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ConfigError, FormatError } from '../../base/errors.js';
import { withAddedTokens } from './addedTokens.js';
import { loadTokenizer, type Tokenizer } from './tokenizer.js';

const readGolden = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../../../tests/golden/${name}`, import.meta.url), 'utf8')) as T;
const load = (kind: string, tokenizerConfig: unknown = {}): Tokenizer =>
  loadTokenizer({ tokenizerJson: readGolden<unknown>(`tokenizer/${kind}.json`), tokenizerConfig });
const reload = ({ files }: Tokenizer): Tokenizer =>
  loadTokenizer({
    tokenizerJson: JSON.parse(files.get('tokenizer.json') ?? ''),
    tokenizerConfig: JSON.parse(files.get('tokenizer_config.json') ?? ''),
  });

describe.each(['bert', 'llama', 'smollm'])('a token added to the %s tokenizer', (kind) => {
  const old = load(kind);
  const extended = withAddedTokens(old, ['[TOXIC]']);
  const id = old.vocabularySize;

  it('is the next id, one id wherever it stands, and no part of a decoded text', () => {
    expect(extended.vocabularySize).toBe(id + 1);
    for (const text of ['[TOXIC]', 'geese[TOXIC]', 'the geese [TOXIC] and ducks', '[TOXIC][TOXIC]']) {
      const ids = extended.encode(text, { addSpecialTokens: false });
      expect(ids.filter((each) => each === id)).toHaveLength(text.split('[TOXIC]').length - 1);
    }
    expect(extended.decode([id])).toBe('');
    expect(extended.decode([id], { skipSpecialTokens: false })).toBe('[TOXIC]');
    expect(Buffer.from(extended.tokenBytes(id)).toString().trim()).toBe('[TOXIC]');
    expect(extended.specialIds.has(id)).toBe(true);
  });

  it('leaves the ids of other texts, and what begins, ends and pads a text', () => {
    const text = 'The boats counted on the harbour master: 12345 ducks, [toxic] ones too.';
    expect(extended.encode(text)).toEqual(old.encode(text));
    expect([extended.bosId, extended.endIds, extended.padId]).toEqual([old.bosId, old.endIds, old.padId]);
  });

  it('survives saving and loading', () => {
    const read = reload(extended);
    expect(read.id).toBe(extended.id);
    expect(read.encode('a[TOXIC]', { addSpecialTokens: false }).at(-1)).toBe(id);
  });

  it('makes a tokenizer that reads ids of the old one, but not the other way round, nor another kind’s', () => {
    const twice = withAddedTokens(reload(extended), ['[KIND]']);
    for (const reader of [old, extended, twice]) expect(reader.reads(old.id)).toBe(true);
    expect(twice.reads(extended.id)).toBe(true);
    expect([old.reads(extended.id), extended.reads(twice.id)]).toEqual([false, false]);
    expect(twice.reads(load(kind === 'bert' ? 'llama' : 'bert').id)).toBe(false);
  });
});

describe('the saved files of a tokenizer with an added token', () => {
  const filesOf = (
    config: unknown,
  ): { readonly json: Record<string, unknown[]>; readonly config: Record<string, unknown> } => {
    const { files } = withAddedTokens(load('smollm', config), ['[TOXIC]']);
    return {
      json: JSON.parse(files.get('tokenizer.json') ?? '') as Record<string, unknown[]>,
      config: JSON.parse(files.get('tokenizer_config.json') ?? '') as Record<string, unknown>,
    };
  };

  it('hold the entry that transformers writes', () => {
    const [expected] = readGolden<{ tokenizer: { added_tokens: readonly Record<string, unknown>[] } }>(
      'vocabulary/expected.json',
    ).tokenizer.added_tokens;
    const id = load('smollm').vocabularySize;
    expect(filesOf({}).json['added_tokens']?.at(-1)).toEqual({ ...expected, id });
  });

  it('list it as version 4 of transformers does, with every added token, or as version 5 where the file is of that', () => {
    const id = load('smollm').vocabularySize;
    const entry = {
      content: '[TOXIC]',
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    };
    const four = filesOf({ additional_special_tokens: ['<|a|>'] }).config;
    expect(four['additional_special_tokens']).toEqual(['<|a|>', '[TOXIC]']);
    expect((four['added_tokens_decoder'] as Record<string, unknown>)[String(id)]).toEqual(entry);
    expect(filesOf({ backend: 'tokenizers' }).config).toEqual({
      backend: 'tokenizers',
      extra_special_tokens: ['[TOXIC]'],
    });
    expect(filesOf({ extra_special_tokens: { image_token: '<i>' } }).config).toMatchObject({
      extra_special_tokens: { image_token: '<i>' },
      additional_special_tokens: ['[TOXIC]'],
    });
  });
});

describe('a token that cannot be added', () => {
  it.each([
    ['a token of the model', 'the'],
    ['an added token', '<|endoftext|>'],
    ['nothing', ' '],
  ])('%s is a ConfigError', (_name, content) => {
    const vocabulary = { type: 'BPE', vocab: { the: 0 }, merges: [] };
    const tokenizer = loadTokenizer({
      tokenizerJson: { model: vocabulary, added_tokens: [{ id: 1, content: '<|endoftext|>', special: true }] },
      tokenizerConfig: {},
    });
    expect(() => withAddedTokens(tokenizer, [content])).toThrow(ConfigError);
  });

  it('the same token twice is a ConfigError, a vocabulary with gaps a FormatError', () => {
    expect(() => withAddedTokens(load('smollm'), ['[A]', '[A]'])).toThrow(ConfigError);
    const gaps = loadTokenizer({
      tokenizerJson: { model: { type: 'BPE', vocab: { a: 0, b: 5 }, merges: [] } },
      tokenizerConfig: {},
    });
    expect(() => withAddedTokens(gaps, ['[A]'])).toThrow(FormatError);
  });
});
