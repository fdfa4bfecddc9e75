/** Agreement of two raters on the same items, over what chance gives (Cohen 1960). */
import { invariant, present } from '../base/invariant.js';

export interface Agreement {
  /** Share of items with the same label. */
  readonly observed: number;
  /** Share expected from the raters' label frequencies alone. */
  readonly expected: number;
  /** (observed − expected) / (1 − expected); null when chance alone agrees always (one label throughout). */
  readonly kappa: number | null;
  readonly n: number;
}

/** @throws invariant error when the lists differ in length or are empty */
export function cohenKappa<Label extends string | number | boolean>(
  first: readonly Label[],
  second: readonly Label[],
): Agreement {
  invariant(first.length === second.length && first.length > 0, 'two raters label the same items, at least one');
  const n = first.length;
  const frequency = new Map<Label, { first: number; second: number }>();
  let same = 0;
  const countsOf = (label: Label): { first: number; second: number } => {
    const counts = frequency.get(label) ?? { first: 0, second: 0 };
    frequency.set(label, counts);
    return counts;
  };
  for (const [i, label] of first.entries()) {
    const other = present(second[i], 'a second label for each item');
    countsOf(label).first++;
    countsOf(other).second++;
    if (label === other) same++;
  }
  const observed = same / n;
  // In integers, so that "always agree by chance" is exact.
  const chance = [...frequency.values()].reduce((sum, counts) => sum + counts.first * counts.second, 0);
  const expected = chance / (n * n);
  return { observed, expected, kappa: chance === n * n ? null : (observed - expected) / (1 - expected), n };
}
