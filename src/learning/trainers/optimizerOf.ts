/** The optimizer that a recipe asks for. */
import { type AdamwConfig, defaultAdamw } from '../../engine/optim/adamw.js';

export interface OptimizerKeys {
  readonly learningRate: number;
  readonly warmupSteps: number;
  readonly weightDecay: number;
  readonly maxGradientNorm: number | null;
}

export function optimizerOf({ learningRate, warmupSteps, weightDecay, maxGradientNorm }: OptimizerKeys): AdamwConfig {
  return { ...defaultAdamw, learningRate, weightDecay, maxGradientNorm, schedule: { kind: 'constant', warmupSteps } };
}
