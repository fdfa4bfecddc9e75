/** For tests: the kernels in plain TypeScript. Single precision is rounded where the kernel rounds. */
import type { AdamwCoefficients } from '../adamwCoefficients.js';

export function adamwReference(
  parameter: Float32Array,
  gradient: Float32Array,
  firstMoment: Float32Array,
  secondMoment: Float32Array,
  coefficients: AdamwCoefficients,
): void {
  const f = Math.fround;
  const c = Object.fromEntries(
    Object.entries(coefficients).map(([name, value]: [string, number]) => [name, f(value)]),
  ) as unknown as AdamwCoefficients;
  for (let i = 0; i < parameter.length; i++) {
    const g = f((gradient[i] ?? 0) * c.gradientScale);
    const m0 = firstMoment[i] ?? 0;
    const m = f(m0 + f(c.oneMinusBeta1 * f(g - m0)));
    const v = f(f((secondMoment[i] ?? 0) * c.beta2) + f(f(c.oneMinusBeta2 * g) * g));
    gradient[i] = 0;
    firstMoment[i] = m;
    secondMoment[i] = v;
    parameter[i] = f(f((parameter[i] ?? 0) * c.keep) + f(f(c.negativeStepSize * m) / f(f(Math.sqrt(v)) + c.epsilon)));
  }
}

export function sumOfSquaresReference(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value * value, 0);
}
