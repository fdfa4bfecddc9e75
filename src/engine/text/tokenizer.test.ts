import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../base/errors.js';
import { loadTokenizer } from './tokenizer.js';

/** The native library (tests/golden/tokenizer.py) gave this for a text; fields that equal another one are left out. */
interface Expected {
  readonly ids: readonly number[];
  readonly idsWithTemplate?: readonly number[];
  readonly text?: string;
  readonly textWithSpecials?: string;
}
interface ExpectedKind {
  readonly texts: Readonly<Record<string, Expected>>;
  readonly decoded: readonly { readonly ids: number[]; readonly text: string; readonly textWithSpecials: string }[];
}

const readGolden = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../../../tests/golden/tokenizer/${name}`, import.meta.url), 'utf8')) as T;
const texts = readGolden<Record<string, string>>('texts.json');
const expected = readGolden<Record<string, ExpectedKind>>('expected.json');
const load = (kind: string) =>
  loadTokenizer({ tokenizerJson: readGolden<unknown>(`${kind}.json`), tokenizerConfig: {} });

describe.each(Object.keys(expected))('the %s kind', (kind) => {
  const tokenizer = load(kind);
  const golden = expected[kind] as ExpectedKind;

  it('encodes every text to the ids of the native library', () => {
    for (const [name, row] of Object.entries(golden.texts)) {
      const text = texts[name] as string;
      expect(tokenizer.encode(text, { addSpecialTokens: false }), name).toEqual(row.ids);
      expect(tokenizer.encode(text), `${name}, with template`).toEqual(row.idsWithTemplate ?? row.ids);
    }
  });

  it('decodes those ids to the text of the native library', () => {
    for (const [name, row] of Object.entries(golden.texts)) {
      const text = row.text ?? texts[name];
      expect(tokenizer.decode(row.ids), name).toBe(text);
      expect(tokenizer.decode(row.ids, { skipSpecialTokens: false }), name).toBe(row.textWithSpecials ?? text);
    }
  });

  it('decodes ids in random order, broken characters included, as the native library does', () => {
    for (const { ids, text, textWithSpecials } of golden.decoded) {
      expect(tokenizer.decode(ids), ids.join(' ')).toBe(text);
      expect(tokenizer.decode(ids, { skipSpecialTokens: false }), ids.join(' ')).toBe(textWithSpecials);
    }
  });

  it('knows every id up to its vocabulary size', () => {
    for (let id = 0; id < tokenizer.vocabularySize; id++) expect(tokenizer.tokenText(id)).not.toBe('');
    expect(tokenizer.tokenText(tokenizer.vocabularySize)).toBe('');
    expect(tokenizer.tokenBytes(tokenizer.vocabularySize)).toHaveLength(0);
  });
});

describe('token bytes', () => {
  const join = (parts: readonly Uint8Array[]): string => Buffer.concat(parts).toString('utf8');

  it.each(['smollm', 'gpt2', 'llama3'])('of a %s text, joined, are the UTF-8 of the text', (kind) => {
    const tokenizer = load(kind);
    for (const text of Object.values(texts)) expect(join(tokenizer.encode(text).map(tokenizer.tokenBytes))).toBe(text);
  });

  it('of a llama text, joined, are the UTF-8 of the text after its leading space', () => {
    const tokenizer = load('llama');
    const text = 'The 東京 boats\n👍 counted';
    expect(join(tokenizer.encode(text, { addSpecialTokens: false }).map(tokenizer.tokenBytes))).toBe(` ${text}`);
  });

  it('of a piece <0xAB> are that byte, those of a WordPiece continuation have no space', () => {
    const llama = load('llama');
    const newline = Array.from({ length: llama.vocabularySize }, (_, id) => id).find(
      (id) => llama.tokenText(id) === '<0x0A>',
    );
    expect([...llama.tokenBytes(newline ?? -1)]).toEqual([10]);
    const bert = load('bert');
    const pieces = bert.encode('harbour', { addSpecialTokens: false });
    expect(join(pieces.map(bert.tokenBytes)).trim()).toBe('harbour');
  });
});

describe('special ids', () => {
  const tokenizerJson = readGolden<unknown>('smollm.json');
  const named = { bos_token: '<|im_start|>', eos_token: { content: '<|im_end|>' }, pad_token: '<|endoftext|>' };

  it('are those that tokenizer_config.json names', () => {
    const { bosId, endIds, padId, specialIds } = loadTokenizer({ tokenizerJson, tokenizerConfig: named });
    expect({ bosId, endIds, padId, specialIds: [...specialIds] }).toEqual({
      bosId: 1,
      endIds: [2],
      padId: 0,
      specialIds: [0, 1, 2],
    });
  });

  it('that end a generation may be a list in generation_config.json, which is then believed alone', () => {
    const { endIds } = loadTokenizer({
      tokenizerJson,
      tokenizerConfig: named,
      generationConfig: { eos_token_id: [0, 5] },
      config: { eos_token_id: 7 },
    });
    expect(endIds).toEqual([0, 5]);
  });

  it("that end a generation are config.json's and the tokenizer's when there is no generation_config.json", () => {
    expect(loadTokenizer({ tokenizerJson, tokenizerConfig: named, config: { eos_token_id: 0 } }).endIds).toEqual([
      0, 2,
    ]);
  });

  it('are absent, with padding 0, when no file names any', () => {
    const { bosId, endIds, padId } = loadTokenizer({
      tokenizerJson,
      tokenizerConfig: {},
      config: { bos_token_id: null },
    });
    expect({ bosId, endIds, padId }).toEqual({ bosId: null, endIds: [], padId: 0 });
  });
});

describe('the identity of a tokenizer', () => {
  const tokenizerJson = readGolden<Record<string, unknown>>('smollm.json');
  const id = (json: unknown): string => loadTokenizer({ tokenizerJson: json, tokenizerConfig: {} }).id;

  it('survives saving and loading, another order of keys and the older spelling of merges', () => {
    const tokenizer = loadTokenizer({ tokenizerJson, tokenizerConfig: {} });
    expect(id(JSON.parse(tokenizer.files.get('tokenizer.json') ?? ''))).toBe(tokenizer.id);
    const model = tokenizerJson['model'] as { merges: [string, string][] };
    const reordered = {
      ...Object.fromEntries(Object.entries(tokenizerJson).reverse()),
      model: { ...model, merges: model.merges.map((pair) => pair.join(' ')) },
    };
    expect(id(reordered)).toBe(tokenizer.id);
  });

  it('differs between vocabularies and between pre-tokenizers over one vocabulary', () => {
    const kinds = Object.keys(expected);
    const otherRule = {
      ...tokenizerJson,
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
    };
    expect(new Set([...kinds.map((kind) => id(readGolden<unknown>(`${kind}.json`))), id(otherRule)]).size).toBe(
      kinds.length + 1,
    );
  });
});

describe('a malformed tokenizer.json', () => {
  it.each([
    ['no object', []],
    ['no model', {}],
    ['a vocabulary of strings', { model: { type: 'BPE', vocab: { a: 'x' }, merges: [] } }],
    ['an enormous id', { model: { type: 'BPE', vocab: { a: 4e9 }, merges: [] } }],
    ['an added token without id', { model: { type: 'BPE', vocab: {}, merges: [] }, added_tokens: [{ content: 'x' }] }],
    ['an unknown rule', { model: { type: 'BPE', vocab: {}, merges: [] }, pre_tokenizer: { type: 'Telepathy' } }],
    [
      'a broken pattern',
      {
        model: { type: 'BPE', vocab: {}, merges: [] },
        pre_tokenizer: { type: 'Split', pattern: { Regex: '[' }, behavior: 'Isolated' },
      },
    ],
  ])('with %s is a FormatError', (_name, tokenizerJson) => {
    expect(() => loadTokenizer({ tokenizerJson, tokenizerConfig: {} })).toThrow(FormatError);
  });
});
