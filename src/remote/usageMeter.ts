/** Counts requests, tokens and US dollars. */
import type { AnswerSpending, Prices, Usage } from './types.js';

interface AnswerTokens {
  readonly prompt: number;
  readonly completion: number;
}

export interface UsageMeter {
  readonly count: (tokens: AnswerTokens) => void;
  readonly countCached: (tokens: AnswerTokens) => void;
  readonly usage: () => Usage;
}

export function createUsageMeter(
  prices: Prices | null,
  onAnswer: (answer: AnswerSpending) => void = () => undefined,
): UsageMeter {
  const asked = { requests: 0, prompt: 0, completion: 0 };
  const cached = { requests: 0, prompt: 0, completion: 0 };
  const costOf = ({ prompt, completion }: AnswerTokens): number =>
    prices === null ? 0 : (prompt * prices.input + completion * prices.output) / 1e6;
  const add = (to: typeof asked, { prompt, completion }: AnswerTokens, cost: number): void => {
    to.requests++;
    to.prompt += prompt;
    to.completion += completion;
    onAnswer({ tokensRead: prompt, tokensGenerated: completion, cost });
  };
  return {
    usage: () => ({
      requests: asked.requests,
      cachedRequests: cached.requests,
      promptTokens: asked.prompt,
      completionTokens: asked.completion,
      cachedPromptTokens: cached.prompt,
      cachedCompletionTokens: cached.completion,
      cost: costOf(asked),
    }),
    count: (tokens) => {
      add(asked, tokens, costOf(tokens));
    },
    countCached: (tokens) => {
      add(cached, tokens, 0);
    },
  };
}

/** Guesses tokens for a server that does not count: about 4 characters each, as in English. */
export function guessedTokens(text: string): number {
  return Math.ceil(text.length / 4);
}

/** A count as servers give it, a number or its digits; null for what is none. */
export function countedTokens(given: unknown): number | null {
  const count = typeof given === 'string' && /^\d+$/.test(given.trim()) ? Number(given) : given;
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : null;
}
