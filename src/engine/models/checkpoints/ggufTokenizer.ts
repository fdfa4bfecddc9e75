/** Builds a tokenizer in the form of tokenizer.json from the metadata of a GGUF file: byte-level BPE (`gpt2`), with the
 *  pre-tokenizer that the file names, and SentencePiece BPE (`llama`), whose merges follow from the scores of its
 *  pieces. */
import { FormatError } from '../../../base/errors.js';
import type { TokenizerFiles } from './checkpoint.js';
import type { GgufMetadata } from './ggufMetadata.js';
import { preTokenizers } from './ggufPreTokenizers.js';

/** The numbers that GGUF gives to the kinds of token that need a rule of their own. */
const kinds = { unknown: 2, control: 3, userDefined: 4 } as const;

interface Vocabulary {
  readonly tokens: readonly string[];
  readonly kinds: ArrayLike<number> | null;
  readonly scores: ArrayLike<number> | null;
  readonly bosId: number | null;
  readonly eosId: number | null;
  readonly unknownId: number | null;
  readonly paddingId: number | null;
}

/** @returns null when the file has no tokenizer
 *  @throws FormatError when it has one that is not supported or not consistent */
export function buildGgufTokenizer(metadata: GgufMetadata): TokenizerFiles | null {
  const model = metadata.text('tokenizer.ggml.model');
  if (model === null || model === 'no_vocab') return null;
  const vocabulary = readVocabulary(metadata);
  const rules =
    model === 'gpt2'
      ? byteLevelRules(metadata, vocabulary)
      : model === 'llama'
        ? sentencePieceRules(metadata, vocabulary)
        : null;
  if (rules === null) {
    throw new FormatError('a tokenizer of another kind', {
      where: metadata.where,
      expected: 'gpt2 or llama',
      got: model,
    });
  }
  const { addBosByDefault, ...tokenizer } = rules;
  const addBos = metadata.flag('tokenizer.ggml.add_bos_token') ?? addBosByDefault;
  const addEos = metadata.flag('tokenizer.ggml.add_eos_token') ?? false;
  return {
    tokenizerJson: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: addedTokens(vocabulary, { marksAreSpaces: false }),
      ...tokenizer,
      post_processor: templateRule(vocabulary, addBos ? vocabulary.bosId : null, addEos ? vocabulary.eosId : null),
    },
    tokenizerConfig: tokenizerConfig(metadata, vocabulary, addBos, addEos),
    generationConfig: generationConfig(metadata, vocabulary),
  };
}

function readVocabulary(metadata: GgufMetadata): Vocabulary {
  const tokens = metadata.texts('tokenizer.ggml.tokens');
  if (tokens === null || tokens.length === 0)
    throw new FormatError('no metadata tokenizer.ggml.tokens', { where: metadata.where });
  refuseDuplicates(tokens, metadata.where);
  const sameLength = (key: string): ArrayLike<number> | null => {
    const list = metadata.numbers(key);
    if (list !== null && list.length !== tokens.length) {
      throw new FormatError(`metadata ${key} has another length than the tokens`, {
        where: metadata.where,
        expected: `${tokens.length}`,
        got: `${list.length}`,
      });
    }
    return list;
  };
  const id = (key: string): number | null => {
    const value = metadata.number(`tokenizer.ggml.${key}_token_id`);
    return value !== null && Number.isInteger(value) && value >= 0 && value < tokens.length ? value : null;
  };
  return {
    tokens,
    kinds: sameLength('tokenizer.ggml.token_type'),
    scores: sameLength('tokenizer.ggml.scores'),
    bosId: id('bos'),
    eosId: id('eos'),
    unknownId: id('unknown'),
    paddingId: id('padding'),
  };
}

/** Refuses a vocabulary with a repeated token. @throws FormatError naming the first token that has two ids */
function refuseDuplicates(tokens: readonly string[], where: string): void {
  const ids = new Map<string, number>();
  tokens.forEach((token, id) => {
    const first = ids.get(token);
    if (first !== undefined) {
      throw new FormatError('a token occurs twice: which id its text has is not sure', {
        where: `${where}: tokenizer.ggml.tokens`,
        expected: 'every token once',
        got: `${JSON.stringify(token)} as ${first} and as ${id}`,
        remedy: 'Use the model in Hugging Face layout, or a GGUF file that was made anew from it.',
      });
    }
    ids.set(token, id);
  });
}

function byteLevelRules(
  metadata: GgufMetadata,
  { tokens }: Vocabulary,
): { addBosByDefault: boolean } & Record<string, unknown> {
  const name = metadata.text('tokenizer.ggml.pre') ?? 'default';
  const rule = Object.hasOwn(preTokenizers, name) ? preTokenizers[name] : undefined;
  if (rule === undefined) {
    throw new FormatError('an unknown pre-tokenizer: text would be cut otherwise than the model was trained on', {
      where: metadata.where,
      expected: Object.keys(preTokenizers).join(', '),
      got: name,
      remedy: 'Use the model in Hugging Face layout, which says how it cuts text.',
    });
  }
  const merges = metadata.texts('tokenizer.ggml.merges');
  if (merges === null) throw new FormatError('no metadata tokenizer.ggml.merges', { where: metadata.where });
  return {
    addBosByDefault: rule.beginsWithBos === true,
    normalizer: rule.normalizer ?? null,
    pre_tokenizer: rule.preTokenizer,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: bpeModel(
      tokens,
      merges.map((merge) => splitMerge(merge, metadata.where)),
      { ignore_merges: rule.ignoreMerges },
    ),
  };
}

/** Splits "left right" at the first space after the first character. */
function splitMerge(merge: string, where: string): readonly [string, string] {
  const space = merge.indexOf(' ', 1);
  if (space < 0)
    throw new FormatError('a merge is not two tokens', { where, got: JSON.stringify(merge.slice(0, 100)) });
  return [merge.slice(0, space), merge.slice(space + 1)];
}

function sentencePieceRules(
  metadata: GgufMetadata,
  vocabulary: Vocabulary,
): { addBosByDefault: boolean } & Record<string, unknown> {
  const addPrefix = metadata.flag('tokenizer.ggml.add_space_prefix') ?? true;
  const spelled = addPrefix ? vocabulary : { ...vocabulary, tokens: markSpaces(vocabulary) };
  const { tokens, unknownId } = spelled;
  const spaces = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
  const strip = { type: 'Strip', content: ' ', start: 1, stop: 0 };
  return {
    addBosByDefault: true,
    added_tokens: addedTokens(spelled, { marksAreSpaces: !addPrefix }),
    normalizer: addPrefix ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }, spaces] } : spaces,
    pre_tokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(addPrefix ? [strip] : []),
      ],
    },
    model: bpeModel(tokens, mergesOfScores(spelled, metadata.where), {
      byte_fallback: true,
      fuse_unk: true,
      unk_token: unknownId === null ? null : (tokens[unknownId] ?? null),
    }),
  };
}

/** Returns the tokens as SentencePiece spells them. llama.cpp's converter writes the spaces of user-defined tokens (runs
 *  of them, in Gemma's vocabulary) as spaces, but a text is cut at such tokens when its spaces are marks already. */
function markSpaces({ tokens, kinds: tokenKinds }: Vocabulary): readonly string[] {
  const known = new Set(tokens);
  return tokens.map((token, id) => {
    const marked = token.replaceAll(' ', '▁');
    return tokenKinds?.[id] === kinds.userDefined && !known.has(marked) ? marked : token;
  });
}

/** Returns the merges of a SentencePiece vocabulary, which joins the pair whose result scores highest: every cut of every piece into two pieces, the
 *  best result first; among equal scores the longer parts first, as transformers orders them. */
function mergesOfScores({ tokens, scores }: Vocabulary, where: string): readonly (readonly [string, string])[] {
  if (scores === null) throw new FormatError('no metadata tokenizer.ggml.scores', { where });
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const merges: {
    readonly pair: readonly [string, string];
    readonly score: number;
    readonly lengths: readonly [number, number];
  }[] = [];
  tokens.forEach((token, id) => {
    const characters = Array.from(token);
    const cuts: {
      readonly pair: readonly [string, string];
      readonly at: number;
      readonly leftId: number;
      readonly rightId: number;
    }[] = [];
    let left = '';
    for (let at = 1; at < characters.length; at++) {
      left += characters[at - 1] ?? '';
      const right = token.slice(left.length);
      const leftId = ids.get(left);
      const rightId = ids.get(right);
      if (leftId !== undefined && rightId !== undefined) cuts.push({ pair: [left, right], at, leftId, rightId });
    }
    cuts.sort((a, b) => b.leftId - a.leftId || b.rightId - a.rightId);
    for (const { pair, at } of cuts)
      merges.push({ pair, score: scores[id] ?? 0, lengths: [at, characters.length - at] });
  });
  merges.sort((a, b) => b.score - a.score || b.lengths[0] - a.lengths[0] || b.lengths[1] - a.lengths[1]);
  return merges.map(({ pair }) => pair);
}

function bpeModel(
  tokens: readonly string[],
  merges: readonly (readonly [string, string])[],
  rules: Readonly<Record<string, unknown>>,
): object {
  return {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    ...rules,
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    merges,
  };
}

/** @param marksAreSpaces tokens of spaces are spelled with marks, which stand in a text only once it is normalised */
function addedTokens(
  { tokens, kinds: tokenKinds }: Vocabulary,
  { marksAreSpaces }: { readonly marksAreSpaces: boolean },
): readonly object[] {
  if (tokenKinds === null) return [];
  return tokens.flatMap((content, id) => {
    const kind = tokenKinds[id];
    const special = kind === kinds.control || kind === kinds.unknown;
    if (!special && kind !== kinds.userDefined) return [];
    const normalized = marksAreSpaces && !special && content.includes('▁');
    return [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized, special }];
  });
}

/** Sets BOS before and EOS after a text, when the file asks for it. */
function templateRule({ tokens }: Vocabulary, bosId: number | null, eosId: number | null): object | null {
  if (bosId === null && eosId === null) return null;
  const special = (id: number | null, typeId: number): readonly object[] =>
    id === null ? [] : [{ SpecialToken: { id: tokens[id], type_id: typeId } }];
  const around = (name: string, typeId: number): readonly object[] => [
    ...special(bosId, typeId),
    { Sequence: { id: name, type_id: typeId } },
    ...special(eosId, typeId),
  ];
  const specialTokens = [bosId, eosId].flatMap((id): [string, object][] => {
    const token = id === null ? undefined : tokens[id];
    return token === undefined ? [] : [[token, { id: token, ids: [id], tokens: [token] }]];
  });
  return {
    type: 'TemplateProcessing',
    single: around('A', 0),
    pair: [...around('A', 0), ...around('B', 1)],
    special_tokens: Object.fromEntries(specialTokens),
  };
}

function tokenizerConfig(
  metadata: GgufMetadata,
  vocabulary: Vocabulary,
  addBos: boolean,
  addEos: boolean,
): Record<string, unknown> {
  const { tokens, bosId, eosId, unknownId, paddingId } = vocabulary;
  const named = { bos_token: bosId, eos_token: eosId, unk_token: unknownId, pad_token: paddingId };
  const contextLength = metadata.number(`${metadata.architecture}.context_length`);
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    clean_up_tokenization_spaces: false,
    add_bos_token: addBos,
    add_eos_token: addEos,
    ...(contextLength === null ? {} : { model_max_length: contextLength }),
    ...Object.fromEntries(Object.entries(named).flatMap(([key, id]) => (id === null ? [] : [[key, tokens[id]]]))),
  };
}

/** Returns the generation settings: end of text, of turn and of message all end a generation. */
function generationConfig(
  metadata: GgufMetadata,
  { bosId, eosId, paddingId, tokens }: Vocabulary,
): Record<string, unknown> {
  const others = ['eot', 'eom'].map((key) => metadata.number(`tokenizer.ggml.${key}_token_id`));
  const ends = [...new Set([eosId, ...others])].filter(
    (id): id is number => id !== null && id >= 0 && id < tokens.length,
  );
  return {
    ...(bosId === null ? {} : { bos_token_id: bosId }),
    ...(ends.length === 0 ? {} : { eos_token_id: ends.length === 1 ? ends[0] : ends }),
    ...(paddingId === null ? {} : { pad_token_id: paddingId }),
  };
}
