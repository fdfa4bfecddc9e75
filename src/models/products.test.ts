import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readProduct, writeProduct } from './products.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-product-'));

describe('adversary.json', () => {
  it('is read back as it was written; a folder without one is a language model', () => {
    expect(readProduct(folder)).toEqual({ kind: 'languageModel' });
    const product = { kind: 'utterances', attack: 'search', utterances: ['hello'] } as const;
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
