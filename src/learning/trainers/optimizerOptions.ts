/** What a recipe may say about the optimizer, with the defaults of the seed papers' reference code where they agree. */
export interface OptimizerOptions {
  /** After warm-up. */
  readonly learningRate: number;
  /** Steps in which the learning rate rises linearly; the first step has learningRate / warmupSteps. */
  readonly warmupSteps: number;
  readonly schedule: 'constant' | 'linear' | 'cosine';
  /** Steps after which a decaying schedule reaches 0; ignored by `constant`. */
  readonly totalSteps: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decoupled; on matrices only, not on gains and biases. */
  readonly weightDecay: number;
  /** Gradients are scaled down to this norm; null leaves them. */
  readonly maxGradientNorm: number | null;
}

export const defaultOptimizer: OptimizerOptions = {
  learningRate: 1e-4,
  warmupSteps: 8,
  schedule: 'constant',
  totalSteps: 0,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0,
  maxGradientNorm: 1,
};

/** The learning rate of a step, counted from 1: linear warm-up, then constant, or falling to 0 at `totalSteps`. */
export function learningRateAt(step: number, { learningRate, warmupSteps, schedule, totalSteps }: OptimizerOptions): number {
  if (step < warmupSteps) return (learningRate * step) / warmupSteps;
  if (schedule === 'constant') return learningRate;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
  return schedule === 'linear' ? learningRate * (1 - progress) : (learningRate * (1 + Math.cos(Math.PI * progress))) / 2;
}
