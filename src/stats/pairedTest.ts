/** Tests whether two rows of a comparison differ, on the same prompts, and corrects for many such tests. */
import { sumOf } from '../base/sums.js';
import { invariant, present } from '../base/invariant.js';
import { openStream, type StreamKey } from '../base/random.js';

/** Up to this many prompts every assignment is counted; beyond it, that many are drawn. */
const exactPrompts = 13;
const drawnAssignments = 9_999;

/** Values of one side, one list per prompt; null marks what is unscored and is left out. */
type ByPrompt = readonly (readonly (number | null)[])[];

/** Returns the two-sided p-value of a paired permutation test. Were both sides alike, either could have said what the
 *  other said at any prompt: sides are exchanged prompt by prompt, and the p-value is the share of assignments whose
 *  difference of means over all values is at least as large as the one that was seen. Drawn assignments count the seen one
 *  as well, so that no p-value is zero (Phipson & Smyth 2010).
 *  @param a values of one side, per prompt
 *  @param b of the other, the same prompts in the same order; a prompt without a value on either side is left out
 *  @returns null where no prompt has values on both sides */
export function swapTest(a: ByPrompt, b: ByPrompt, stream: StreamKey): number | null {
  invariant(a.length === b.length, 'a comparison has the same prompts on both sides');
  const pairs = a.flatMap((values, i) => {
    const [left, right] = [totalOf(values), totalOf(present(b[i], 'values of each prompt'))];
    return left.count === 0 || right.count === 0 ? [] : [{ left, right }];
  });
  if (pairs.length === 0) return null;
  const [sums, counts] = columnsOf(pairs);
  const difference = (swaps: Uint8Array): number => {
    let [sumA, countA, sumB, countB] = [0, 0, 0, 0];
    for (let i = 0; i < swaps.length; i++) {
      // Side 0 is `a`, side 1 is `b`; exchanged, the other stands first. All are in range.
      const [first, second] = [2 * i + (swaps[i] as number), 2 * i + 1 - (swaps[i] as number)];
      sumA += sums[first] as number;
      countA += counts[first] as number;
      sumB += sums[second] as number;
      countB += counts[second] as number;
    }
    return sumA / countA - sumB / countB;
  };
  const swaps = new Uint8Array(pairs.length);
  const seen = Math.abs(difference(swaps));
  const isAsLarge = (value: number): boolean => Math.abs(value) >= seen - 1e-12 * Math.max(1, seen);
  if (pairs.length <= exactPrompts) {
    const all = 2 ** pairs.length;
    let large = 0;
    for (let assignment = 0; assignment < all; assignment++) {
      for (let i = 0; i < swaps.length; i++) swaps[i] = (assignment >> i) & 1;
      if (isAsLarge(difference(swaps))) large++;
    }
    return large / all;
  }
  const draw = openStream(stream);
  let large = 1;
  for (let k = 0; k < drawnAssignments; k++) {
    for (let i = 0; i < swaps.length; i++) swaps[i] = draw.integer(2);
    if (isAsLarge(difference(swaps))) large++;
  }
  return large / (drawnAssignments + 1);
}

interface Total {
  readonly sum: number;
  readonly count: number;
}

/** Returns the sums and the counts of pairs, left and right in turn. */
function columnsOf(
  pairs: readonly { readonly left: Total; readonly right: Total }[],
): readonly [Float64Array, Float64Array] {
  const sides = pairs.flatMap(({ left, right }) => [left, right]);
  return [Float64Array.from(sides, ({ sum }) => sum), Float64Array.from(sides, ({ count }) => count)];
}

function totalOf(values: readonly (number | null)[]): Total {
  const known = values.filter((value) => value !== null);
  return { sum: sumOf(known), count: known.length };
}

/** Returns the p-values adjusted for their number, in order: rejecting those at most α keeps the probability of any false
 *  rejection at α, however the tests depend on each other. Null is no test and stays null.
 *  @source S. Holm, Scandinavian Journal of Statistics 6 (1979) 65–70 */
export function holm(pValues: readonly (number | null)[]): readonly (number | null)[] {
  const order = pValues
    .flatMap((p, i) => (p === null ? [] : [{ p, i }]))
    .sort((left, right) => left.p - right.p || left.i - right.i);
  const adjusted: (number | null)[] = pValues.map(() => null);
  let highest = 0;
  order.forEach(({ p, i }, rank) => {
    highest = Math.max(highest, Math.min(1, p * (order.length - rank)));
    adjusted[i] = highest;
  });
  return adjusted;
}
