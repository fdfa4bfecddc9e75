/** A tokenizer with further special tokens: each is one id wherever its text stands. Written into tokenizer.json and
 *  tokenizer_config.json as transformers' `add_special_tokens` does, so that transformers reads the saved files alike.
 */
import { ConfigError, FormatError } from '../../base/errors.js';
import { loadTokenizer, type Tokenizer } from './tokenizer.js';
import { type AddedToken, isRecord, readTokenizerJson } from './tokenizerJson.js';

/** The ids follow those that there are, in the order of `contents`. Ids of the old tokenizer mean the same to the new
 *  one (`reads`), which begins, ends and pads a text as the old one does.
 *  @throws ConfigError for a token that exists already, is named twice, or is empty; FormatError for a vocabulary with
 *    gaps, in which the native library would give the token another id */
export function withAddedTokens(tokenizer: Tokenizer, contents: readonly string[]): Tokenizer {
  const json = parsedFile(tokenizer, 'tokenizer.json');
  const config = parsedFile(tokenizer, 'tokenizer_config.json');
  const { added_tokens, vocabulary } = readTokenizerJson(json);
  const taken = new Set([...vocabulary.keys(), ...added_tokens.map(({ content }) => content)]);
  for (const content of contents) {
    if (content.trim() === '')
      throw new ConfigError('an added token has no text', {
        expected: 'some characters',
        got: JSON.stringify(content),
      });
    if (taken.has(content)) {
      throw new ConfigError('this token is in the vocabulary already', {
        got: content,
        expected: 'a text that is no token of the model',
        remedy: 'Choose another text for the control token.',
      });
    }
    taken.add(content);
  }
  const first = Math.max(vocabulary.size, ...added_tokens.map(({ id }) => id + 1));
  if (first !== tokenizer.vocabularySize) {
    throw new FormatError(
      'the vocabulary has gaps: a further token would have one id here and another in the native library',
      {
        where: 'tokenizer.json',
        expected: `ids up to ${String(first - 1)}`,
        got: `ids up to ${String(tokenizer.vocabularySize - 1)}`,
      },
    );
  }
  const added = contents.map((content, i): AddedToken => ({
    id: first + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const generationConfig = tokenizer.files.get('generation_config.json');
  const { bosId, endIds, padId } = tokenizer;
  const extended = loadTokenizer({
    tokenizerJson: { ...json, added_tokens: [...added_tokens, ...added] },
    tokenizerConfig: withConfigured(config, [...added_tokens, ...added], contents),
    ...(generationConfig === undefined ? {} : { generationConfig: JSON.parse(generationConfig) as unknown }),
  });
  return { ...extended, bosId, endIds, padId };
}

/** Version 5 of transformers lists special tokens beyond the named ones as `extra_special_tokens`; version 4 as
 *  `additional_special_tokens`, which version 5 reads too, with every added token in `added_tokens_decoder`. A file
 *  keeps to the way it is written in. */
function withConfigured(
  config: Record<string, unknown>,
  all: readonly AddedToken[],
  contents: readonly string[],
): Record<string, unknown> {
  const isNew =
    Array.isArray(config['extra_special_tokens']) ||
    (config['extra_special_tokens'] === undefined && config['backend'] !== undefined);
  const key = isNew ? 'extra_special_tokens' : 'additional_special_tokens';
  const listed: readonly unknown[] = Array.isArray(config[key]) ? config[key] : [];
  const known = config['added_tokens_decoder'];
  const decoder = Object.fromEntries(all.map(({ id, ...rest }) => [String(id), rest]));
  return {
    ...config,
    ...(isNew && known === undefined
      ? {}
      : { added_tokens_decoder: { ...decoder, ...(isRecord(known) ? known : {}) } }),
    [key]: [...listed, ...contents],
  };
}

function parsedFile({ files }: Tokenizer, name: string): Record<string, unknown> {
  const value: unknown = JSON.parse(files.get(name) ?? '{}');
  if (!isRecord(value)) throw new FormatError('not a JSON object', { where: name });
  return value;
}
