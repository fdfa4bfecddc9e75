import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { promptOf, promptsOf } from '../testing/prompts.js';
import { scriptedJudge } from '../testing/scripted.js';
import { filterByHarm, filterContinuations } from './filter.js';
import { splitParts, splitPrompts } from './split.js';

describe('split', () => {
  it('puts every prompt in exactly one part, in order', () => {
    const prompts = promptsOf(300);
    const parts = splitPrompts(prompts, { seed: 0 });
    const together = splitParts.flatMap((part) => parts[part]);
    expect(together).toHaveLength(300);
    expect(new Set(together)).toEqual(new Set(prompts));
    for (const part of splitParts)
      expect(parts[part]).toEqual(prompts.filter((prompt) => parts[part].includes(prompt)));
  });

  it('never puts one conversation on two sides', () => {
    const prompts = Array.from({ length: 200 }, (_, i) => ({ ...promptOf(`p${i}`), conversationId: `c${i % 40}` }));
    const parts = splitPrompts(prompts, { seed: 3 });
    const sides = splitParts.map((part) => new Set(parts[part].map(({ conversationId }) => conversationId)));
    expect(sides.reduce((sum, side) => sum + side.size, 0)).toBe(40);
  });

  it('moves no conversation when others come or go', () => {
    fc.assert(
      fc.property(fc.subarray([...promptsOf(60)]), fc.integer(), (some, seed) => {
        const all = splitPrompts(promptsOf(60), { seed });
        const ids = new Set(some.map(({ id }) => id));
        const parts = splitPrompts(some, { seed });
        for (const part of splitParts) expect(parts[part]).toEqual(all[part].filter(({ id }) => ids.has(id)));
      }),
    );
  });

  it('gives 80/5/15 of many conversations within four standard errors', () => {
    const parts = splitPrompts(promptsOf(10_000), { seed: 0 });
    for (const [part, share] of [
      ['train', 0.8],
      ['dev', 0.05],
      ['test', 0.15],
    ] as const) {
      expect(Math.abs(parts[part].length / 10_000 - share)).toBeLessThan(4 * Math.sqrt((share * (1 - share)) / 10_000));
    }
  });

  it('differs by seed, leaves the rest of smaller shares out, and refuses shares above 1', () => {
    const prompts = promptsOf(100);
    expect(splitPrompts(prompts, { seed: 0 })).not.toEqual(splitPrompts(prompts, { seed: 1 }));
    const { train, dev, test } = splitPrompts(prompts, { seed: 0, shares: { train: 0.2, dev: 0, test: 0.1 } });
    expect(dev).toEqual([]);
    expect(train.length + test.length).toBeLessThan(60);
    expect(() => splitPrompts(prompts, { seed: 0, shares: { train: 0.9, dev: 0.1, test: 0.1 } })).toThrow(/at most 1/u);
  });
});

describe('harm filter', () => {
  const judge = scriptedJudge((text) => (text.startsWith('?') ? null : Number(text)));

  it('keeps prompts up to the bound, counts the harmful, and leaves out and counts what cannot be scored', async () => {
    const result = await filterByHarm(
      ['0.1', '0.3', '0.31', '?'].map((text) => promptOf(text)),
      judge,
      0.3,
    );
    expect(result.kept.map(({ text }) => text)).toEqual(['0.1', '0.3']);
    expect(result).toMatchObject({ removed: 1, unscored: 1 });
  });

  it('keeps continuations above the bound, by the judge and not by their source', async () => {
    const rows = ['0.5', '0.6', '?'].map((continuation) => ({ prefix: promptOf('p'), continuation, toxicity: 0 }));
    const result = await filterContinuations(rows, judge, 0.5);
    expect(result).toMatchObject({ kept: [{ continuation: '0.6' }], removed: 1, unscored: 1 });
  });

  it('asks in batches of bounded size and keeps the order', async () => {
    const counting = scriptedJudge(() => 0);
    const prompts = promptsOf(600);
    expect((await filterByHarm(prompts, counting, 0.3)).kept).toEqual(prompts);
    expect(counting.calls.map((call) => call.length)).toEqual([256, 256, 88]);
  });
});
