/** The identity of a tokenizer: a hash of vocabulary, merges and rules. Equal ids mean interchangeable token ids. */
import { createHash } from 'node:crypto';
import { isRecord, type TokenizerJson } from './tokenizerJson.js';

export interface TokenizerIdentity {
  readonly id: string;
  /** Ids of the tokenizers that this one goes on from: itself without its last added token, without its last two …
   *  Their token ids mean the same here. */
  readonly earlier: () => ReadonlySet<string>;
}

export function identifyTokenizer(rules: TokenizerJson): TokenizerIdentity {
  const { vocab: _vocabulary, merges, ...model } = rules.model;
  const vocabulary = [...rules.vocabulary].sort((a, b) => a[1] - b[1]);
  const largestId = vocabulary.at(-1)?.[1] ?? -1;
  // Both spellings of merges, "a b" and ["a", "b"], are one vocabulary.
  const mergeList = Array.isArray(merges)
    ? merges.map((merge: unknown) => (Array.isArray(merge) ? merge.join(' ') : merge))
    : null;
  const idWith = (added_tokens: TokenizerJson['added_tokens']): string => {
    const { normalizer, pre_tokenizer, post_processor, decoder } = rules;
    const hash = createHash('sha256');
    hash.update(canonicalJson({ added_tokens, normalizer, pre_tokenizer, post_processor, decoder, model }));
    hash.update(JSON.stringify(vocabulary));
    if (mergeList !== null) hash.update(JSON.stringify(mergeList));
    return hash.digest('hex').slice(0, 16);
  };
  let earlier: ReadonlySet<string> | null = null;
  const findEarlier = (): ReadonlySet<string> => {
    const ids = new Set<string>();
    let tokens = rules.added_tokens;
    for (let last = tokens.at(-1); last !== undefined && last.special && last.id > largestId; last = tokens.at(-1)) {
      tokens = tokens.slice(0, -1);
      ids.add(idWith(tokens));
    }
    return ids;
  };
  return { id: idWith(rules.added_tokens), earlier: () => (earlier ??= findEarlier()) };
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    isRecord(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item,
  );
}
