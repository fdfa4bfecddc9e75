/** Exact one-sided limits of a share of independent trials (Clopper & Pearson 1934), by quantiles of the beta
 *  distribution. A limit holds with at least the stated confidence for every true share; it is wider than Wilson's
 *  interval, which holds on average only. */
import { invariant } from '../base/invariant.js';

/** Returns the share that the true one exceeds with probability at least `level`; 0 without successes.
 *  @param successes integer in [0, n]
 *  @param n trials, ≥ 1
 *  @param level confidence of this one side, in (0, 1), default 0.95 */
export function clopperPearsonLow(successes: number, n: number, level = 0.95): number {
  checkTrials(successes, n, level);
  return successes === 0 ? 0 : betaQuantile(1 - level, successes, n - successes + 1);
}

/** Returns the share that the true one stays below with probability at least `level`; 1 where every trial succeeded.
 *  @param successes integer in [0, n]
 *  @param n trials, ≥ 1
 *  @param level confidence of this one side, in (0, 1), default 0.95 */
export function clopperPearsonHigh(successes: number, n: number, level = 0.95): number {
  checkTrials(successes, n, level);
  return successes === n ? 1 : betaQuantile(level, successes + 1, n - successes);
}

function checkTrials(successes: number, n: number, level: number): void {
  invariant(Number.isInteger(n) && n >= 1, 'a share needs at least one trial');
  invariant(Number.isInteger(successes) && successes >= 0 && successes <= n, 'successes are between 0 and n');
  invariant(level > 0 && level < 1, 'the confidence of a limit is between 0 and 1');
}

/** x with I_x(a, b) = p, by bisection until the bounds are neighbouring numbers.
 *  @param p in (0, 1)
 *  @param a > 0
 *  @param b > 0 */
function betaQuantile(p: number, a: number, b: number): number {
  invariant(p > 0 && p < 1, 'a quantile needs p in (0, 1)');
  let [low, high] = [0, 1];
  for (;;) {
    // Halving alone would take a thousand steps to a quantile near zero: far from it, the exponent is halved.
    const middle = low > 0 && high / low > 4 ? Math.sqrt(low * high) : low === 0 ? high / 1024 : (low + high) / 2;
    if (middle <= low || middle >= high) return high;
    if (incompleteBeta(middle, a, b) < p) low = middle;
    else high = middle;
    if (high < Number.MIN_VALUE * 2048) return high;
  }
}

/** Regularised incomplete beta function I_x(a, b): P(X ≤ x) for X of the beta distribution with a and b.
 *  @param x in [0, 1]
 *  @source continued fraction of DLMF 8.17.22, evaluated by Lentz's method as modified by Thompson & Barnett 1986;
 *    beyond x = (a + 1) / (a + b + 2) by I_x(a, b) = 1 − I_{1−x}(b, a), where it converges quickly */
export function incompleteBeta(x: number, a: number, b: number): number {
  invariant(x >= 0 && x <= 1 && a > 0 && b > 0, 'an incomplete beta function has x in [0, 1] and a, b above 0');
  if (x === 0 || x === 1) return x;
  const logFactor = logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x);
  return x <= (a + 1) / (a + b + 2)
    ? (Math.exp(logFactor) * betaFraction(x, a, b)) / a
    : 1 - (Math.exp(logFactor) * betaFraction(1 - x, b, a)) / b;
}

/** 1 / (1 + d_1 / (1 + d_2 / (1 + …))). */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const apart = (value: number): number => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / apart(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= 100_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / apart(1 + even * d);
    c = apart(1 + even / c);
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / apart(1 + odd * d);
    c = apart(1 + odd / c);
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) return fraction;
  }
  return fraction;
}

/** log Γ(z) for z > 0.
 *  @source C. Lanczos 1964, with the coefficients (g = 7, n = 9) that P. Godfrey computed; relative error below 1e-14 */
function logGamma(z: number): number {
  if (z < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * z)) - logGamma(1 - z);
  const at = z - 1;
  const t = at + 7.5;
  const series = lanczos.reduce((sum, coefficient, i) => sum + coefficient / (at + i + 1), lanczosFirst);
  return 0.5 * Math.log(2 * Math.PI) + (at + 0.5) * Math.log(t) - t + Math.log(series);
}

const lanczosFirst = 0.9999999999998099;
const lanczos = [
  676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
  -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
];
