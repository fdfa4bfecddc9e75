/** Upper bounds of the mean of independent values in [0, 1], whatever their distribution. They hold for every number of
 *  values, also for a handful and for zeros alone, where a bootstrap or a normal interval claims too much.
 *
 *  The betting bound tests every mean m by a game that is fair, or a loss, while the true mean is m or greater: a capital
 *  of 1 becomes Π(1 − c_i + c_i (1 − x_i) / (1 − m)) with a stake c_i in [0, 1] that is fixed before x_i is seen.
 *  By Ville's inequality that capital ever reaches 1 / δ with a probability of at most δ; the bound is the least m whose
 *  capital has. It holds at any time at which drawing stops.
 *  @source I. Waudby-Smith & A. Ramdas, arXiv 2010.09686: the capital of their one-sided betting intervals, with
 *    λ_i = c_i / (1 − m). */
import { sumOf } from '../base/sums.js';
import { invariant } from '../base/invariant.js';

export interface UpperBoundOptions {
  /** Confidence of this one side, in (0, 1); default 0.95. */
  readonly level?: number;
}

/** Returns a bound that the true mean stays below with probability at least `level`: the least m at which the capital of
 *  two players together, half of the stake each, has grown to 1 / (1 − level). One stakes everything on each value, which
 *  is best while no value is near 1 and gives 1 − ((1 − level) / 2)^(1/n) for zeros. The other stakes what the spread of
 *  the values so far makes best (their predictable plug-in).
 *
 *  A deviation from the source: its stake λ = √(2 ln(1/δ) / (n σ̂²)) is cut at a constant; here it is c = λ / (1 + λ), which
 *  needs no constant, and is the best stake where values are 0 or 1 and rarely 1.
 *  @param values in [0, 1], in the order of their drawing; at least one */
export function bettingHigh(values: ArrayLike<number>, { level = 0.95 }: UpperBoundOptions = {}): number {
  const n = checkValues(values, level);
  const stakes = plugInStakes(values, level);
  let allIn = 0;
  for (let i = 0; i < n; i++) allIn += Math.log1p(-(values[i] as number)); // In range.
  const wanted = -Math.log1p(-level) + Math.LN2;
  const isRejected = (m: number): boolean => {
    const first = allIn - n * Math.log1p(-m);
    if (first >= wanted) return true;
    const gain = 1 / (1 - m) - 1;
    let second = 0;
    for (let i = 0; i < n; i++) {
      const [stake, value] = [stakes[i] as number, values[i] as number];
      second += Math.log1p(stake * (gain - value * (1 + gain)));
    }
    // Both halves together; the greater one is taken out of the sum of exponentials.
    const most = Math.max(first, second);
    return most + Math.log(Math.exp(first - most) + Math.exp(second - most)) >= wanted;
  };
  let [low, high] = [0, 1];
  while (high - low > 1e-9 * high) {
    const middle = low === 0 && high > 1e-12 ? high / 4 : (low + high) / 2;
    if (isRejected(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** c_i of the plug-in, from the values before i: their mean and variance with one observation of mean and variance ½ and
 *  ¼ before them. */
function plugInStakes(values: ArrayLike<number>, level: number): Float64Array {
  const n = values.length;
  const stakes = new Float64Array(n);
  let [sum, squares] = [0.5, 0.25];
  for (let i = 0; i < n; i++) {
    const bet = Math.sqrt((-2 * Math.log1p(-level)) / (n * (squares / (i + 1))));
    stakes[i] = bet / (1 + bet);
    const value = values[i] as number; // In range.
    sum += value;
    squares += (value - sum / (i + 2)) ** 2;
  }
  return stakes;
}

/** Returns the empirical Bernstein bound, a check of the other by another proof; it is wider for few values.
 *  @param values in [0, 1], at least two
 *  @source A. Maurer & M. Pontil, arXiv 0907.3740, theorem 4 */
export function empiricalBernsteinHigh(values: ArrayLike<number>, { level = 0.95 }: UpperBoundOptions = {}): number {
  const n = checkValues(values, level);
  invariant(n >= 2, 'a variance needs two values');
  const mean = sumOf(Array.from(values)) / n;
  let squares = 0;
  for (let i = 0; i < n; i++) squares += ((values[i] as number) - mean) ** 2; // In range.
  const log = Math.log(2 / (1 - level));
  return Math.min(1, mean + Math.sqrt((2 * (squares / (n - 1)) * log) / n) + (7 * log) / (3 * (n - 1)));
}

/** Returns how many values a bound needs at least: that many zeros, and nothing else, have a betting bound of
 *  `share · bound` or less.
 *  @param bound in (0, 1)
 *  @param share in (0, 1] that the values are scaled by, as the share of ordinary dialogues scales weights */
export function dialoguesForBound(bound: number, share: number, level = 0.95): number {
  invariant(bound > 0 && bound < 1 && level > 0 && level < 1, 'a bound and a confidence lie between 0 and 1');
  // The first player alone reaches it with these; the second only adds.
  return Math.ceil(Math.log((1 - level) / 2) / Math.log1p(-share * bound));
}

function checkValues(values: ArrayLike<number>, level: number): number {
  invariant(values.length >= 1, 'a mean needs a value');
  invariant(level > 0 && level < 1, 'the confidence of a bound is between 0 and 1');
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number; // In range.
    if (!(value >= 0 && value <= 1)) invariant(false, `a bounded mean is of values in [0, 1], got ${String(value)}`);
  }
  return values.length;
}
