/** Counts requests, tokens and US dollars. */
import type { Prices, Usage } from './types.js';

export interface UsageMeter {
  readonly count: (tokens: { readonly prompt: number; readonly completion: number }) => void;
  readonly countCached: () => void;
  readonly usage: () => Usage;
}

export function createUsageMeter(prices: Prices | null, onUsage: (usage: Usage) => void = () => undefined): UsageMeter {
  let [requests, cachedRequests, promptTokens, completionTokens] = [0, 0, 0, 0];
  const usage = (): Usage => ({
    requests,
    cachedRequests,
    promptTokens,
    completionTokens,
    cost: prices === null ? 0 : (promptTokens * prices.input + completionTokens * prices.output) / 1e6,
  });
  return {
    usage,
    count: ({ prompt, completion }) => {
      requests++;
      promptTokens += prompt;
      completionTokens += completion;
      onUsage(usage());
    },
    countCached: () => {
      cachedRequests++;
      onUsage(usage());
    },
  };
}

/** Guesses tokens for a server that does not count: about 4 characters each, as in English. */
export function guessedTokens(text: string): number {
  return Math.ceil(text.length / 4);
}
