import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readProduct, writeProduct } from './products.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-product-'));

describe('adversary.json', () => {
  it('is read back as it was written; a folder without one is a language model', () => {
    expect(readProduct(folder)).toEqual({ kind: 'languageModel' });
    const turns = [{ author: 'adversary', text: 'hello', finishReason: 'stop' }] as const;
    const found = { prompt: 'one', turns, score: 0.5, failed: true, tries: 3, cost: { targetReplies: 3 } };
    const nothing = { prompt: 'two', turns: [], score: null, failed: null, reason: 'no answer', tries: 0, cost: {} };
    const product = { kind: 'finds', attack: 'search', finds: [found, nothing] } as const;
    writeProduct(folder, product);
    expect(readProduct(folder)).toMatchObject(product);
  });

  it('of a newer version says so, with its place and the remedy', () => {
    writeFileSync(join(folder, 'adversary.json'), '{"schema":2,"kind":"planner"}');
    expect(() => readProduct(folder)).toThrow(
      `${join(folder, 'adversary.json')}: this adversary was written by a newer version of gadfly\n  expected: "schema": 1\n  got:      "schema": 2`,
    );
  });
});
