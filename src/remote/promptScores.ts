/** Log-probabilities of a prompt's own tokens, in the two ways that servers have.
 *
 *  `prompt_logprobs: 0` (vLLM; chat and completions): a list of one object per token, the first null. Asked for 0
 *  alternatives, since the objects are keyed by token id, and keys that look like numbers lose their order in
 *  JavaScript: the prompt's own could not be told from another. `echo` with `logprobs` (completions): the tokens of
 *  prompt and continuation in one list; what lies behind the prompt is cut off. */
import { z } from 'zod';
import { parseAnswer, parseAs } from './answerBody.js';
import { checked } from './replyTokens.js';
import type { PromptRequest, PromptToken } from './types.js';
import { countedTokens, guessedTokens } from './usageMeter.js';

const entry = z.record(z.string(), z.object({ logprob: z.number(), decoded_token: z.string().nullish() })).nullable();
const scored = z.object({ prompt_logprobs: z.array(entry).nullish() });
const vllmBody = scored.extend({ choices: z.array(scored).min(1) });
const echoed = z.object({ tokens: z.array(z.string()), token_logprobs: z.array(z.number().nullable()) });
const echoBody = z.object({ choices: z.array(z.object({ logprobs: echoed.nullish() })).min(1) });
const usage = z.object({
  usage: z.object({ prompt_tokens: z.unknown().optional(), completion_tokens: z.unknown().optional() }).nullish(),
});

export type ScoringDialect = 'vllm' | 'echo';

export interface ReadPrompt {
  /** Is null when the answer holds no scores. */
  readonly value: readonly PromptToken[] | null;
  readonly tokens: { readonly prompt: number; readonly completion: number };
}

/** Fields that ask for the scores, beside prompt or messages. */
export function scoringFields(dialect: ScoringDialect): Readonly<Record<string, unknown>> {
  return dialect === 'vllm' ? { prompt_logprobs: 0 } : { echo: true, logprobs: 1 };
}

/** @throws TargetError for scores that cannot be right */
export function readPromptScores(
  body: string,
  dialect: ScoringDialect,
  request: PromptRequest,
  where: string,
): ReadPrompt {
  const parsed = parseAnswer(body, where);
  const counted = usage.safeParse(parsed).data?.usage ?? null;
  const asked = request.kind === 'text' ? request.prompt : request.messages.map(({ content }) => content).join('');
  return {
    value: dialect === 'vllm' ? readVllm(parsed, where) : readEcho(parsed, request, where),
    tokens: {
      prompt: countedTokens(counted?.prompt_tokens) ?? guessedTokens(asked),
      completion: countedTokens(counted?.completion_tokens) ?? 1,
    },
  };
}

function readVllm(parsed: unknown, where: string): readonly PromptToken[] | null {
  const body = parseAs(vllmBody, parsed, { where });
  const list = body.prompt_logprobs ?? body.choices[0]?.prompt_logprobs ?? null;
  if (list === null || list.length === 0) return null;
  const out: PromptToken[] = [];
  for (const [i, each] of list.entries()) {
    const entries = each === null ? [] : Object.values(each);
    const [only] = entries;
    if (only === undefined) {
      if (i > 0) return null;
      out.push({ text: '', logProb: null });
    } else {
      if (entries.length > 1 || typeof only.decoded_token !== 'string') return null;
      out.push(checked({ text: only.decoded_token, logProb: only.logprob }, { where }));
    }
  }
  return out;
}

function readEcho(parsed: unknown, request: PromptRequest, where: string): readonly PromptToken[] | null {
  const given = parseAs(echoBody, parsed, { where }).choices[0]?.logprobs ?? null;
  if (given === null || request.kind !== 'text' || given.tokens.length !== given.token_logprobs.length) return null;
  const out: PromptToken[] = [];
  let length = 0;
  for (const [i, text] of given.tokens.entries()) {
    if (length >= request.prompt.length) break;
    const logProb = given.token_logprobs[i] ?? null;
    if (logProb === null && i > 0) return null;
    out.push(logProb === null ? { text, logProb: null } : checked({ text, logProb }, { where }));
    length += text.length;
  }
  return out.map(({ text }) => text).join('') === request.prompt ? out : null;
}
