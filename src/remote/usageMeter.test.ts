import { expect, it } from 'vitest';
import type { Usage } from './types.js';
import { createUsageMeter, guessedTokens } from './usageMeter.js';

it('counts requests, tokens and dollars per million tokens, and tells of every change', () => {
  const told: Usage[] = [];
  const meter = createUsageMeter({ input: 2, output: 10 }, (usage) => told.push(usage));
  meter.count({ prompt: 1000, completion: 200 });
  meter.count({ prompt: 500, completion: 0 });
  // (1500 · 2 + 200 · 10) / 10⁶
  expect(meter.usage()).toEqual({
    requests: 2,
    cachedRequests: 0,
    promptTokens: 1500,
    completionTokens: 200,
    cost: 0.005,
  });
  expect(told.map(({ requests, promptTokens }) => [requests, promptTokens])).toEqual([
    [1, 1000],
    [2, 1500],
  ]);
});

it('an answer from the cache costs nothing and is counted apart', () => {
  const meter = createUsageMeter({ input: 2, output: 10 });
  meter.countCached();
  expect(meter.usage()).toMatchObject({ requests: 0, cachedRequests: 1, promptTokens: 0, cost: 0 });
});

it('without prices tokens are counted and cost nothing', () => {
  const meter = createUsageMeter(null);
  meter.count({ prompt: 7, completion: 5 });
  expect(meter.usage()).toMatchObject({ promptTokens: 7, completionTokens: 5, cost: 0 });
});

it('a text that a server did not count has a token per four characters, rounded up', () => {
  expect(['', 'a', 'four', 'fives'].map(guessedTokens)).toEqual([0, 1, 1, 2]);
});
