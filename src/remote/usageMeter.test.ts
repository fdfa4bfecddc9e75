import { expect, it } from 'vitest';
import type { AnswerSpending } from './types.js';
import { createUsageMeter, guessedTokens } from './usageMeter.js';

it('counts requests, tokens and dollars per million tokens, and tells of every answer', () => {
  const told: AnswerSpending[] = [];
  const meter = createUsageMeter({ input: 2, output: 10 }, (answer) => told.push(answer));
  meter.count({ prompt: 1000, completion: 200 });
  meter.count({ prompt: 500, completion: 0 });
  // (1500 · 2 + 200 · 10) / 10⁶
  expect(meter.usage()).toEqual({
    requests: 2,
    cachedRequests: 0,
    promptTokens: 1500,
    completionTokens: 200,
    cachedPromptTokens: 0,
    cachedCompletionTokens: 0,
    cost: 0.005,
  });
  expect(told).toEqual([
    { tokensRead: 1000, tokensGenerated: 200, cost: 0.004 },
    { tokensRead: 500, tokensGenerated: 0, cost: 0.001 },
  ]);
});

it('an answer from the cache costs nothing and is counted apart', () => {
  const meter = createUsageMeter({ input: 2, output: 10 });
  meter.countCached({ prompt: 7, completion: 5 });
  expect(meter.usage()).toMatchObject({
    requests: 0,
    cachedRequests: 1,
    promptTokens: 0,
    cachedPromptTokens: 7,
    cachedCompletionTokens: 5,
    cost: 0,
  });
});

it('without prices tokens are counted and cost nothing', () => {
  const meter = createUsageMeter(null);
  meter.count({ prompt: 7, completion: 5 });
  expect(meter.usage()).toMatchObject({ promptTokens: 7, completionTokens: 5, cost: 0 });
});

it('a text that a server did not count has a token per four characters, rounded up', () => {
  expect(['', 'a', 'four', 'fives'].map(guessedTokens)).toEqual([0, 1, 1, 2]);
});
