/** The host computes these before the kernels run: the coefficients of an AdamW step and the factor of clipping. */

/** One AdamW step applies these to every element; derived from rates and step number by `adamwCoefficients`. */
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
