import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createRepeatedNgrams } from './repeatedNgrams.js';

/** Written by tests/golden/noRepeatNgram.py. */
const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../tests/golden/noRepeatNgram/banned.json'), 'utf8'),
) as { readonly cases: readonly { readonly size: number; readonly ids: number[]; readonly banned: number[] }[] };

const sorted = (ids: ReadonlySet<number>): number[] => [...ids].sort((a, b) => a - b);

describe('repeated n-grams', () => {
  it('are what transformers bans, whether tokens are in the prompt or come one by one', () => {
    expect(golden.cases.filter(({ banned }) => banned.length > 0).length).toBeGreaterThan(20);
    for (const { size, ids, banned } of golden.cases) {
      expect(sorted(createRepeatedNgrams(size, ids).next())).toEqual(banned);
      const half = createRepeatedNgrams(size, ids.slice(0, 4));
      ids.slice(4).forEach(half.push);
      expect(sorted(half.next())).toEqual(banned);
    }
  });

  it('are none at size 0', () => {
    expect(createRepeatedNgrams(0, [1, 1, 1]).next().size).toBe(0);
  });
});
