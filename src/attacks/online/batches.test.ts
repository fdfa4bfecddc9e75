import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openStream, streamKey } from '../../base/random.js';
import type { PreferencePair } from '../../dialogue/types.js';
import { promptOf } from '../../dialogue/testing/prompts.js';
import { passBatches, passesOver } from './batches.js';

type OrderedPair = Pick<PreferencePair, 'dialogue' | 'isDemonstration'>;

/** Pairs as a rollout gives them, tree after tree, then demonstrations. */
const pairs = fc
  .record({ sizes: fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 6 }), taught: fc.nat(4) })
  .map(({ sizes, taught }): OrderedPair[] => [
    ...sizes.flatMap((size, tree) => {
      const prompt = promptOf(String(tree));
      return Array.from({ length: size }, () => ({ dialogue: { prompt, turns: [] }, isDemonstration: false }));
    }),
    ...Array.from({ length: taught }, () => ({
      dialogue: { prompt: promptOf('0'), turns: [] },
      isDemonstration: true,
    })),
  ]);

const sizes = fc.integer({ min: 1, max: 9 });

describe('the batches of a pass', () => {
  it('hold every pair once, and none too many', () => {
    fc.assert(
      fc.property(
        pairs,
        fc.constantFrom('mixed' as const, 'trees' as const),
        sizes,
        fc.nat(),
        (given, batches, batchPairs, seed) => {
          const made = passBatches(given, { batches, batchPairs }, streamKey(seed, 'order'));
          expect(made.flat().sort((a, b) => a - b)).toEqual(given.map((_, i) => i));
          for (const batch of made) expect(batch.length >= 1 && batch.length <= batchPairs).toBe(true);
        },
      ),
    );
  });

  it('mixed: every batch but the last is full, as slices of a shuffle', () => {
    fc.assert(
      fc.property(pairs, sizes, fc.nat(), (given, batchPairs, seed) => {
        const made = passBatches(given, { batches: 'mixed', batchPairs }, streamKey(seed, 'order'));
        expect(made.flat()).toEqual(openStream(streamKey(seed, 'order')).shuffle(given.map((_, i) => i)));
        for (const batch of made.slice(0, -1)) expect(batch).toHaveLength(batchPairs);
      }),
    );
  });

  it('trees: a tree that fits a batch is in one, its pairs in their own order, and trees are shuffled', () => {
    let neighbours = 0;
    fc.assert(
      fc.property(pairs, fc.nat(), (given, seed) => {
        const made = passBatches(given, { batches: 'trees', batchPairs: 7 }, streamKey(seed, 'order'));
        const batchOf = (pair: number): number => made.findIndex((batch) => batch.includes(pair));
        given.forEach(({ dialogue, isDemonstration }, pair) => {
          const next = given[pair + 1];
          if (next === undefined || isDemonstration || next.isDemonstration || next.dialogue.prompt !== dialogue.prompt)
            return;
          expect(batchOf(pair + 1)).toBe(batchOf(pair));
          expect(made.flat().indexOf(pair + 1)).toBe(made.flat().indexOf(pair) + 1);
          neighbours++;
        });
      }),
    );
    expect(neighbours).toBeGreaterThan(0);
    const many = Array.from({ length: 20 }, (_, i): OrderedPair => ({
      dialogue: { prompt: promptOf(String(i)), turns: [] },
      isDemonstration: false,
    }));
    const orders = [0, 1].map((seed) =>
      passBatches(many, { batches: 'trees', batchPairs: 4 }, streamKey(seed, 'order')).join(),
    );
    expect(new Set([...orders, many.map((_, i) => i).join()]).size).toBe(3);
  });
});

describe('the batches of several passes', () => {
  // Six prompts of three dialogues of two utterances.
  const trees = Array.from({ length: 6 }, (_, p) => promptOf(String(p))).flatMap((prompt, p) =>
    [0, 1, 2].map((k) => ({ prompt, items: [0, 1].map((turn) => [p, k, turn] as const) })),
  );
  const made = passesOver(trees, { passes: 3, batchSize: 8 }, streamKey(0, 'order'));

  it('hold every item once a pass, as full as whole trees allow, the dialogues of a prompt together', () => {
    expect(made.map(({ length }) => length)).toEqual([8, 8, 8, 8, 4, 8, 8, 8, 8, 4, 8, 8, 8, 8, 4]);
    for (const pass of [0, 1, 2]) {
      const items = made.slice(5 * pass, 5 * pass + 5).flat();
      expect(new Set(items.map((item) => item.join())).size).toBe(36);
      const changes = items.filter(([p], i) => i > 0 && items[i - 1]?.[0] !== p);
      expect(changes).toHaveLength(5);
    }
  });

  it('take the prompts in another order every pass', () => {
    const orders = [0, 1, 2].map((pass) =>
      [...new Set(made.slice(5 * pass, 5 * pass + 5).flatMap((b) => b.map(([p]) => p)))].join(),
    );
    expect(new Set(orders).size).toBe(3);
  });
});
