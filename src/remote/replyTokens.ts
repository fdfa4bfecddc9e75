/** Log-probabilities of a reply's tokens, in the two forms that servers have (chats, and completions of old), and the
 *  refusal of those that cannot be log-probabilities. */
import { z } from 'zod';
import { TargetError } from '../base/errors.js';
import type { ReplyToken, TokenLogProb } from './types.js';

const logProb = z.number();
const chatToken = z.object({ token: z.string(), logprob: logProb });
export const chatLogProbs = z.object({
  content: z.array(chatToken.extend({ top_logprobs: z.array(chatToken).nullish() })).nullish(),
});
export const completionLogProbs = z.object({
  tokens: z.array(z.string()),
  token_logprobs: z.array(logProb.nullable()),
  top_logprobs: z.array(z.record(z.string(), logProb).nullable()).nullish(),
});

interface Place {
  readonly where: string;
}

/** Returns null where the server gives none. @throws TargetError */
export function readChatTokens(
  content: z.output<typeof chatLogProbs>['content'],
  place: Place,
): readonly ReplyToken[] | null {
  if (content === null || content === undefined) return null;
  return content.map(({ token, logprob, top_logprobs }) => ({
    ...checked({ text: token, logProb: logprob }, place),
    top: (top_logprobs ?? []).map((each) => checked({ text: each.token, logProb: each.logprob }, place)),
  }));
}

/** @throws TargetError */
export function readCompletionTokens(
  { tokens, token_logprobs, top_logprobs }: z.output<typeof completionLogProbs>,
  place: Place,
): readonly ReplyToken[] {
  if (tokens.length !== token_logprobs.length) throw wrongCount(place, String(tokens.length), token_logprobs.length);
  return tokens.map((text, i) => ({
    ...checked({ text, logProb: token_logprobs[i] ?? NaN }, place),
    top: Object.entries(top_logprobs?.[i] ?? {})
      .map(([top, value]) => checked({ text: top, logProb: value }, place))
      .sort((a, b) => b.logProb - a.logProb),
  }));
}

export function wrongCount({ where }: Place, expected: string, got: number): TargetError {
  return new TargetError('log-probabilities of another number of tokens', {
    where,
    expected,
    got: String(got),
    remedy: 'Look at the server’s own log.',
  });
}

/** 1e-3: rounding of a float32 log-sum-exp. @throws TargetError for what cannot be a log-probability */
export function checked(token: TokenLogProb, { where }: Place): TokenLogProb {
  if (Number.isFinite(token.logProb) && token.logProb <= 1e-3)
    return { text: token.text, logProb: Math.min(0, token.logProb) };
  throw new TargetError('a log-probability that cannot be one', {
    where,
    expected: 'a finite number of nats, at most 0',
    got: String(token.logProb),
    remedy: 'The server computes or reports it wrongly; ask for none.',
  });
}
