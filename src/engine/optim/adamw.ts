/** AdamW for a trainer: its configuration, its state (two moment stores and a step count), and which weights decay.
 *  The arithmetic is the device's kernel. Source: Loshchilov & Hutter, arXiv 1711.05101; torch.optim.AdamW. */
import { ConfigError } from '../../base/errors.js';
import type { Device, StoreEntry, TensorStore } from '../runtime/device.js';
import { scheduleFraction, type Schedule } from './schedules.js';

export interface AdamwConfig {
  /** The full rate; a schedule scales it. */
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decoupled: weights shrink by learningRate · weightDecay per step. */
  readonly weightDecay: number;
  /** Norm of all gradients together above which they are scaled down to it; null = never. */
  readonly maxGradientNorm: number | null;
  readonly schedule: Schedule;
}

/** torch's defaults but for the decay (torch: 0.01) and clipping at 1, as trainers of language models do. */
export const defaultAdamw: AdamwConfig = {
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0,
  maxGradientNorm: 1,
  schedule: { kind: 'constant' },
};

/** Everything an optimizer remembers. `stepsDone` changes with every step. */
export interface AdamwState {
  readonly gradients: TensorStore;
  readonly firstMoment: TensorStore;
  readonly secondMoment: TensorStore;
  stepsDone: number;
}

/** Zero gradients and moments for the given parameters (default all), in the memory of the parameters where there is
 *  room. */
export async function createAdamwState(
  device: Device,
  parameters: TensorStore,
  names: readonly string[] = [...parameters.entries.keys()],
): Promise<AdamwState> {
  const entries = names.map((name): StoreEntry => {
    const entry = parameters.entries.get(name);
    if (entry === undefined) throw new ConfigError('no such parameter to train', { where: name });
    return { name, shape: entry.shape };
  });
  const create = (): Promise<TensorStore> => device.createStore(entries, { beside: parameters });
  return { gradients: await create(), firstMoment: await create(), secondMoment: await create(), stepsDone: 0 };
}

export interface StepResult {
  /** Before clipping. */
  readonly gradientNorm: number;
  readonly learningRate: number;
}

/** Steps from the gradients accumulated in `state`, which are zero afterwards.
 *  @param gradientScale multiplies the gradients first: 1 / microbatches when each loss is a mean */
export async function stepAdamw(
  device: Device,
  config: AdamwConfig,
  parameters: TensorStore,
  state: AdamwState,
  gradientScale = 1,
): Promise<StepResult> {
  const { schedule, maxGradientNorm, beta1, beta2, epsilon, weightDecay } = config;
  const step = state.stepsDone + 1;
  const learningRate = config.learningRate * scheduleFraction(schedule, step);
  const { gradients, firstMoment, secondMoment } = state;
  const { gradientNorm } = await device.adamw({
    parameters,
    gradients,
    firstMoment,
    secondMoment,
    step,
    learningRate,
    beta1,
    beta2,
    epsilon,
    weightDecay,
    maxGradientNorm,
    gradientScale,
    decayed: decayedNames(parameters),
  });
  state.stepsDone = step;
  return { gradientNorm, learningRate };
}

/** Weights that decay: matrices. Biases and gains of norms (one axis) do not. */
export function decayedNames(parameters: TensorStore): ReadonlySet<string> {
  return new Set([...parameters.entries].filter(([, { shape }]) => shape.length >= 2).map(([name]) => name));
}

export async function releaseAdamwState(
  device: Device,
  { gradients, firstMoment, secondMoment }: AdamwState,
): Promise<void> {
  for (const store of [gradients, firstMoment, secondMoment]) await device.release(store);
}
