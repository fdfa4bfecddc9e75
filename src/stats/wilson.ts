/** Wilson's score interval for a share (Wilson 1927): never empty at 0 or n of n, never outside [0, 1]. It takes trials
 *  as independent: for turns of dialogues use the cluster bootstrap. */
import { invariant } from '../base/invariant.js';

export interface ShareInterval {
  readonly share: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
}

/** @param successes integer in [0, n]
 *  @param n trials, ≥ 1
 *  @param level in (0, 1), default 0.95 */
export function wilson(successes: number, n: number, level = 0.95): ShareInterval {
  invariant(Number.isInteger(n) && n >= 1, 'a share needs at least one trial');
  invariant(Number.isInteger(successes) && successes >= 0 && successes <= n, 'successes are between 0 and n');
  return { ...wilsonAround(successes / n, n, level), n };
}

/** The same around any share of n trials, as the mean of values between 0 and 1 is one.
 *  @param share in [0, 1] */
export function wilsonAround(share: number, n: number, level = 0.95): Omit<ShareInterval, 'n'> {
  invariant(level > 0 && level < 1, 'the level of an interval is between 0 and 1');
  const z = normalQuantile((1 + level) / 2);
  const centre = (share + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z / (1 + (z * z) / n)) * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
  return {
    share,
    low: share === 0 ? 0 : Math.max(0, centre - half),
    high: share === 1 ? 1 : Math.min(1, centre + half),
  };
}

/** z with P(Z ≤ z) = p for a standard normal Z.
 *  @param p in (0, 1)
 *  @source P. J. Acklam's rational approximation, relative error below 1.15e-9 */
export function normalQuantile(p: number): number {
  invariant(p > 0 && p < 1, 'a normal quantile needs p in (0, 1)');
  if (p > 0.5) return -normalQuantile(1 - p);
  if (p < 0.02425) {
    const q = Math.sqrt(-2 * Math.log(p));
    return polynomial(tailNumerator, q) / (polynomial(tailDenominator, q) * q + 1);
  }
  const q = p - 0.5;
  const r = q * q;
  return (polynomial(centreNumerator, r) * q) / (polynomial(centreDenominator, r) * r + 1);
}

const centreNumerator = [
  -39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716, 2.506628277459239,
];
const centreDenominator = [
  -54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572,
];
const tailNumerator = [
  -0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968,
  2.938163982698783,
];
const tailDenominator = [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416];

/** Horner, highest power first. */
function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0);
}
