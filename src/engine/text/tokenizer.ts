/** Text to token ids and back, as the native `tokenizers` library does it. Owns the special ids of a tokenizer and the
 *  bytes of each token; the encoding itself is @huggingface/tokenizers, given rules it reads as the native library
 *  would (libraryRules.ts), between the added tokens (addedTokenCuts.ts); decoding is tokenDecoder.ts. Ids are the truth: text is derived from them and never
 *  tokenised again for training. */
import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import { FormatError } from '../../base/errors.js';
import { createAddedTokenCuts } from './addedTokenCuts.js';
import { continuingRules, honourSettings } from './honouredSettings.js';
import { libraryRules } from './libraryRules.js';
import { isRecord, readTokenizerJson, type TokenizerJson } from './tokenizerJson.js';
import { resolveSpecialIds } from './specialIds.js';
import { createTokenDecoder, createTokenSpelling } from './tokenDecoder.js';
import { identifyTokenizer } from './tokenizerId.js';

export interface Tokenizer {
  /** Hash of vocabulary, merges and rules: equal ids mean interchangeable token ids. */
  readonly id: string;
  /** Whether token ids of the tokenizer with that id mean the same here: it is this one, or this one without its last
   *  added tokens. */
  readonly reads: (tokenizerId: string) => boolean;
  /** One more than the largest id. A model's embedding may have more rows. */
  readonly vocabularySize: number;
  readonly bosId: number | null;
  /** Ids that end a generation. */
  readonly endIds: readonly number[];
  /** Only fills tensors; masks come from lengths, never from comparing with it. */
  readonly padId: number;
  /** @param options.addSpecialTokens apply the tokenizer's own template (Llama: BOS first); default true, as everywhere
   *    else. Pass false for a continuation of ids that already begin with it.
   *  @param options.goesOn the text goes on from another, so that a tokenizer which sets a space before every text sets
   *    none; default false */
  readonly encode: (
    text: string,
    options?: { readonly addSpecialTokens?: boolean; readonly goesOn?: boolean },
  ) => number[];
  readonly decode: (ids: readonly number[], options?: { readonly skipSpecialTokens?: boolean }) => string;
  /** The token as the vocabulary spells it ('Ġthe', '▁the'); '' for an id without a token. */
  readonly tokenText: (id: number) => string;
  /** The bytes that the token adds to the text; they need not be whole characters. Empty for an id without a token. */
  readonly tokenBytes: (id: number) => Uint8Array;
  readonly specialIds: ReadonlySet<number>;
  /** File name → content, to save beside a model. */
  readonly files: ReadonlyMap<string, string>;
}

export interface TokenizerSources {
  /** Parsed tokenizer.json. */
  readonly tokenizerJson: unknown;
  /** Parsed tokenizer_config.json; {} will do. */
  readonly tokenizerConfig: unknown;
  /** Parsed generation_config.json: the first to say which ids end a generation. */
  readonly generationConfig?: unknown;
  /** The model's parsed config.json. */
  readonly config?: unknown;
}

/** @throws FormatError when a file is not what the format asks for, or uses a rule that is not supported */
export function loadTokenizer(sources: TokenizerSources): Tokenizer {
  const tokenizerConfig = isRecord(sources.tokenizerConfig) ? sources.tokenizerConfig : {};
  const rules = honourSettings(readTokenizerJson(sources.tokenizerJson), tokenizerConfig, sources.config);
  const library = createLibraryTokenizer(rules, tokenizerConfig);
  const encode = createEncoder(library, rules);
  let encodeFurther: typeof encode | null = null;
  const goOn = (): typeof encode => {
    if (encodeFurther !== null) return encodeFurther;
    const continuing = continuingRules(rules);
    const isSame = JSON.stringify(textRules(continuing)) === JSON.stringify(textRules(rules));
    encodeFurther = isSame ? encode : createEncoder(createLibraryTokenizer(continuing, tokenizerConfig), continuing);
    return encodeFurther;
  };
  const { tokens, ids } = readVocabulary(rules);
  const { id, earlier } = identifyTokenizer(rules);
  const special = resolveSpecialIds(ids, { ...sources, tokenizerConfig });
  const addedContents = new Set(rules.added_tokens.map((token) => token.content));
  const specialIds = new Set(rules.added_tokens.filter((token) => token.special).map((token) => token.id));
  const decodeTokens = createTokenDecoder(rules.decoder, addedContents);
  const spell = createTokenSpelling(rules.decoder, addedContents);
  const decode: Tokenizer['decode'] = (idList, { skipSpecialTokens = true } = {}) => {
    const kept = idList.filter((id) => tokens[id] !== undefined && !(skipSpecialTokens && specialIds.has(id)));
    if (kept.length === 0) return '';
    if (decodeTokens !== null) return decodeTokens(kept.map((id) => tokens[id] ?? ''));
    return library.decode([...kept], { skip_special_tokens: false, clean_up_tokenization_spaces: false });
  };
  return {
    id,
    reads: (other) => other === id || earlier().has(other),
    vocabularySize: tokens.length,
    ...special,
    encode: (text, { addSpecialTokens = true, goesOn = false } = {}) =>
      (goesOn ? goOn() : encode)(text, addSpecialTokens),
    decode,
    tokenText: (id) => tokens[id] ?? '',
    tokenBytes: (id) => {
      const token = tokens[id];
      return token === undefined ? new Uint8Array(0) : spell(token);
    },
    specialIds,
    files: savedFiles(sources, rules),
  };
}

/** The rules that a text goes through before its pieces are looked up. */
function textRules({ normalizer, pre_tokenizer }: TokenizerJson): Pick<TokenizerJson, 'normalizer' | 'pre_tokenizer'> {
  return { normalizer, pre_tokenizer };
}

function createLibraryTokenizer(rules: TokenizerJson, tokenizerConfig: Record<string, unknown>): LibraryTokenizer {
  try {
    return new LibraryTokenizer(libraryRules(rules), tokenizerConfig);
  } catch (cause) {
    throw new FormatError('the rules cannot be used', {
      where: 'tokenizer.json',
      got: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
}

/** The library cuts, splits and merges the text between added tokens; where those stand is found here. */
function createEncoder(
  library: LibraryTokenizer,
  rules: TokenizerJson,
): (text: string, addSpecialTokens: boolean) => number[] {
  const { normalizer, pre_tokenizer: split, model, post_processor: surround, added_tokens_map: added } = library;
  const cut = createAddedTokenCuts(rules.added_tokens, normalizer);
  return (text, addSpecialTokens) => {
    const pieces = cut(text).flatMap((piece) => {
      if (piece.kind === 'token') return [piece.content];
      return model(split === null ? [piece.text] : split(piece.text, { section_index: piece.isFirst ? 0 : 1 }));
    });
    const tokens = surround === null ? pieces : surround(pieces, null, addSpecialTokens).tokens;
    return tokens.map((token) => {
      const id = added.get(token)?.id ?? model.tokens_to_ids.get(token) ?? model.unk_token_id;
      if (id !== undefined) return id;
      throw new FormatError(`the rules produce ${JSON.stringify(token)}, which is not in the vocabulary`, {
        where: 'tokenizer.json',
      });
    });
  };
}

/** Both directions of the vocabulary, added tokens included; an added token wins over the model's token of the same id.
 */
function readVocabulary(rules: TokenizerJson): {
  tokens: readonly (string | undefined)[];
  ids: ReadonlyMap<string, number>;
} {
  const ids = new Map(rules.vocabulary);
  const tokens: (string | undefined)[] = [];
  for (const [token, id] of rules.vocabulary) tokens[id] = token;
  for (const { content, id } of rules.added_tokens) {
    tokens[id] = content;
    ids.set(content, id);
  }
  return { tokens, ids };
}

/** @param rules with the settings of tokenizer_config.json in them: what is saved says the same to every reader */
function savedFiles(
  { tokenizerJson, tokenizerConfig, generationConfig }: TokenizerSources,
  { normalizer, pre_tokenizer }: TokenizerJson,
): ReadonlyMap<string, string> {
  const json = isRecord(tokenizerJson) ? { ...tokenizerJson, normalizer, pre_tokenizer } : tokenizerJson;
  const files = new Map<string, string>([
    ['tokenizer.json', JSON.stringify(json)],
    ['tokenizer_config.json', `${JSON.stringify(tokenizerConfig ?? {}, null, 2)}\n`],
  ]);
  if (generationConfig !== undefined)
    files.set('generation_config.json', `${JSON.stringify(generationConfig, null, 2)}\n`);
  return files;
}
