import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { streamKey } from '../base/random.js';
import type { PreferencePair } from '../dialogue/types.js';
import { promptOf } from '../dialogue/testing/prompts.js';
import { passOrder } from './ipo.js';

type OrderedPair = Pick<PreferencePair, 'dialogue' | 'teaching'>;

/** Pairs as a rollout gives them, tree after tree, then teaching pairs. */
const pairs = fc
  .record({ sizes: fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 6 }), taught: fc.nat(4) })
  .map(({ sizes, taught }): OrderedPair[] => [
    ...sizes.flatMap((size, tree) => {
      const prompt = promptOf(String(tree));
      return Array.from({ length: size }, () => ({ dialogue: { prompt, turns: [] }, teaching: false }));
    }),
    ...Array.from({ length: taught }, () => ({ dialogue: { prompt: promptOf('0'), turns: [] }, teaching: true })),
  ]);

describe('the order of a pass', () => {
  it('holds every pair once, whichever it is', () => {
    fc.assert(
      fc.property(pairs, fc.constantFrom('mixed' as const, 'trees' as const), fc.nat(), (given, batches, seed) => {
        const order = passOrder(given, { batches }, streamKey(seed, 'order'));
        expect([...order].sort((a, b) => a - b)).toEqual(given.map((_, i) => i));
      }),
    );
  });

  it('tree by tree: the pairs of a tree are neighbours in their own order, and trees are shuffled', () => {
    fc.assert(
      fc.property(pairs, fc.nat(), (given, seed) => {
        const order = passOrder(given, { batches: 'trees' }, streamKey(seed, 'order'));
        order.forEach((pair, place) => {
          const sameTree = !given[pair]?.teaching && !given[pair - 1]?.teaching && given[pair]?.dialogue.prompt === given[pair - 1]?.dialogue.prompt;
          if (pair > 0 && sameTree) expect(order[place - 1]).toBe(pair - 1);
        });
      }),
    );
    const many = Array.from({ length: 20 }, (_, i): OrderedPair => ({ dialogue: { prompt: promptOf(String(i)), turns: [] }, teaching: false }));
    const orders = [0, 1].map((seed) => passOrder(many, { batches: 'trees' }, streamKey(seed, 'order')).join());
    expect(new Set([...orders, many.map((_, i) => i).join()]).size).toBe(3);
  });
});
