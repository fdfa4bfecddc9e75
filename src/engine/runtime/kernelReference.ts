/** The kernels in plain TypeScript: what they compute, for tests and for readers. Single precision is rounded where the
 *  kernel rounds. */

/** What one AdamW step does to every element; derived from rates and step number by `adamwCoefficients`. */
export interface AdamwCoefficients {
  /** Multiplies the gradient first: clipping and averaging. */
  readonly gradientScale: number;
  /** 1 − learningRate · weightDecay, or 1. */
  readonly keep: number;
  readonly oneMinusBeta1: number;
  readonly beta2: number;
  readonly oneMinusBeta2: number;
  /** −learningRate · √(1 − beta2^step) / (1 − beta1^step) */
  readonly negativeStepSize: number;
  /** epsilon · √(1 − beta2^step) */
  readonly epsilon: number;
}

export interface AdamwRates {
  /** 1 for the first step. */
  readonly step: number;
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

/** @source torch.optim.adamw, `_single_tensor_adamw` */
export function adamwCoefficients(rates: AdamwRates, gradientScale: number, decayed: boolean): AdamwCoefficients {
  const secondCorrection = Math.sqrt(1 - rates.beta2 ** rates.step);
  return {
    gradientScale,
    keep: decayed ? 1 - rates.learningRate * rates.weightDecay : 1,
    oneMinusBeta1: 1 - rates.beta1,
    beta2: rates.beta2,
    oneMinusBeta2: 1 - rates.beta2,
    negativeStepSize: (-rates.learningRate * secondCorrection) / (1 - rates.beta1 ** rates.step),
    epsilon: rates.epsilon * secondCorrection,
  };
}

/** The factor that brings a gradient of this norm to at most `maxNorm`; 1 when it is there already or null.
 *  @source torch.nn.utils.clip_grad_norm_, whose 1e-6 it keeps */
export function clipFactor(norm: number, maxNorm: number | null): number {
  return maxNorm === null ? 1 : Math.min(1, maxNorm / (norm + 1e-6));
}

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
