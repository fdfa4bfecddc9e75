/** The parts of tokenizer.json that Gadfly relies on, checked once. Format: the native `tokenizers` library. */
import { FormatError } from '../../base/errors.js';

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  readonly [rule: string]: unknown;
}

/** A step of normalisation, splitting, or decoding: `type` and its parameters. */
export interface Rule {
  readonly type: string;
  readonly [parameter: string]: unknown;
}

export interface TokenizerJson {
  readonly added_tokens: readonly AddedToken[];
  readonly normalizer: Rule | null;
  readonly pre_tokenizer: Rule | null;
  readonly post_processor: Rule | null;
  readonly decoder: Rule | null;
  readonly model: Readonly<Record<string, unknown>>;
  /** Token → id of the model, without the added tokens. */
  readonly vocabulary: ReadonlyMap<string, number>;
}

/** No tokenizer in use comes near; a larger id in a malformed file would only claim memory. */
const maxVocabulary = 1 << 24;

/** @throws FormatError */
export function readTokenizerJson(value: unknown): TokenizerJson {
  if (!isRecord(value)) throw malformed('it is not an object', value);
  const { model } = value;
  if (!isRecord(model)) throw malformed('"model" is not an object', model);
  return {
    added_tokens: readAddedTokens(value['added_tokens'] ?? []),
    normalizer: readRule(value, 'normalizer'),
    pre_tokenizer: readRule(value, 'pre_tokenizer'),
    post_processor: readRule(value, 'post_processor'),
    decoder: readRule(value, 'decoder'),
    model,
    vocabulary: readModelVocabulary(model['vocab']),
  };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isRule(value: unknown): value is Rule {
  return isRecord(value) && typeof value['type'] === 'string';
}

function readRule(json: Record<string, unknown>, key: string): Rule | null {
  const value = json[key] ?? null;
  if (value === null) return null;
  if (!isRule(value)) throw malformed(`"${key}" has no type`, value);
  return value;
}

/** BPE and WordPiece map tokens to ids; Unigram lists [token, score]. */
function readModelVocabulary(vocabulary: unknown): ReadonlyMap<string, number> {
  if (Array.isArray(vocabulary)) {
    return new Map(
      vocabulary.map((item: unknown, id): [string, number] => {
        if (!Array.isArray(item) || typeof item[0] !== 'string')
          throw malformed('an entry of the vocabulary is not [token, score]', item);
        return [item[0], id];
      }),
    );
  }
  if (!isRecord(vocabulary)) throw malformed('"model.vocab" is neither an object nor a list', vocabulary);
  return new Map(
    Object.entries(vocabulary).map(([token, id]): [string, number] => {
      if (!isTokenId(id)) throw malformed(`token ${JSON.stringify(token)} has no proper id`, id);
      return [token, id];
    }),
  );
}

function readAddedTokens(value: unknown): readonly AddedToken[] {
  if (!Array.isArray(value)) throw malformed('"added_tokens" is not a list', value);
  return value.map((item: unknown): AddedToken => {
    if (!isRecord(item) || typeof item['content'] !== 'string' || !isTokenId(item['id'])) {
      throw malformed('an added token lacks content or id', item);
    }
    return { ...item, id: item['id'], content: item['content'], special: item['special'] === true };
  });
}

function isTokenId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < maxVocabulary;
}

function malformed(problem: string, got: unknown): FormatError {
  return new FormatError(problem, { where: 'tokenizer.json', got: (JSON.stringify(got) ?? 'nothing').slice(0, 200) });
}
