/** Log-probabilities in the forms of the API: chat's list of tokens, the four lists of completions, vLLM's
 *  prompt_logprobs. */
import type { Tokenizer } from '../engine/text/tokenizer.js';
import type { JsonObject, JsonValue } from '../base/json.js';
import type { ReportedToken } from './choices.js';

type Spelling = Pick<Tokenizer, 'tokenBytes' | 'specialIds'>;

/** The token's text; bytes that are no whole characters as OpenAI writes them, 'bytes:\xe2\x80'. */
function tokenString(tokenizer: Spelling, id: number): string {
  const bytes = tokenizer.tokenBytes(id);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return `bytes:${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`;
  }
}

/** `choices[].logprobs` of a chat completion. */
export function chatLogProbs(tokenizer: Spelling, tokens: readonly ReportedToken[]): JsonObject {
  const spelled = (id: number, logProb: number): JsonObject => ({
    token: tokenString(tokenizer, id),
    logprob: logProb,
    bytes: Array.from(tokenizer.tokenBytes(id)),
  });
  const content = tokens.map(({ id, logProb, alternatives }) => ({
    ...spelled(id, logProb ?? 0),
    top_logprobs: (alternatives?.ids ?? []).map((other, i) => spelled(other, alternatives?.logProbs[i] ?? 0)),
  }));
  return { content, refusal: null };
}

/** `choices[].logprobs` of a completion: the likeliest tokens by text, the chosen one always among them.
 *  @param offset characters of the text before the first token */
export function completionLogProbs(tokenizer: Spelling, tokens: readonly ReportedToken[], offset: number): JsonObject {
  let next = offset;
  const offsets = tokens.map(({ id }) => {
    const own = next;
    next += characters(tokenizer, id);
    return own;
  });
  return {
    tokens: tokens.map(({ id }) => tokenString(tokenizer, id)),
    token_logprobs: tokens.map(({ logProb }) => logProb),
    top_logprobs: tokens.map(({ id, logProb, alternatives }): JsonValue => {
      if (logProb === null) return null;
      const likeliest = (alternatives?.ids ?? []).map(
        (other, i) => [tokenString(tokenizer, other), alternatives?.logProbs[i] ?? 0] as const,
      );
      return Object.fromEntries([...likeliest, [tokenString(tokenizer, id), logProb]]);
    }),
    text_offset: offsets,
  };
}

/** vLLM's `prompt_logprobs`: an entry per token, the first null; by id, the token's own and the likeliest. */
export function promptLogProbs(tokenizer: Spelling, tokens: readonly ReportedToken[]): JsonValue {
  return tokens.map(({ id, logProb, alternatives }): JsonValue => {
    if (logProb === null) return null;
    const ids = alternatives?.ids ?? [];
    const entry = (other: number, value: number): readonly [string, JsonObject] => {
      const place = ids.indexOf(other);
      return [
        String(other),
        { logprob: value, rank: place === -1 ? null : place + 1, decoded_token: tokenString(tokenizer, other) },
      ];
    };
    const others = ids
      .filter((other) => other !== id)
      .map((other) => entry(other, alternatives?.logProbs[ids.indexOf(other)] ?? 0));
    return Object.fromEntries([entry(id, logProb), ...others]);
  });
}

/** Characters (code points) that begin in a token; special tokens are not part of the text. */
export function characters({ tokenBytes, specialIds }: Spelling, id: number): number {
  return specialIds.has(id) ? 0 : tokenBytes(id).reduce((count, byte) => count + ((byte & 0xc0) === 0x80 ? 0 : 1), 0);
}

/** The tokens with the first few of the alternatives that their row was asked for. */
export function keepAlternatives(tokens: readonly ReportedToken[], count: number): readonly ReportedToken[] {
  return tokens.map((token) => {
    const { alternatives } = token;
    if (alternatives === null) return token;
    return {
      ...token,
      alternatives: { ids: alternatives.ids.slice(0, count), logProbs: alternatives.logProbs.slice(0, count) },
    };
  });
}
