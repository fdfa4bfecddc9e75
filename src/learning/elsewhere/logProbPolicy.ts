/** The seam between a loss and weights that are not in this process: log-probabilities are read, the loss and its
 *  derivatives are computed here (`formulas/`), and a step is taken from the derivatives. A kind of remote trainer is an
 *  implementation of this; no loss and no attack knows which. */
import type { Sequence } from '../../engine/models/packSequences.js';
import type { AdamwConfig } from '../../engine/optim/adamw.js';
import type { WeightTrainer } from '../trainers/weightTrainer.js';

/** Sequences as the policy has read them. */
export interface PolicyReading {
  readonly sequences: readonly Sequence[];
  /** log π of each token of each completion, nats. */
  readonly logProbs: readonly (readonly number[])[];
}

export interface PolicyStep {
  /** Before clipping; null where the trainer does not say. */
  readonly gradientNorm: number | null;
  readonly learningRate: number;
}

export interface LogProbPolicy extends Pick<WeightTrainer, 'step' | 'save' | 'load' | 'release'> {
  readonly read: (sequences: readonly Sequence[]) => Promise<PolicyReading>;
  /** One optimizer step.
   *  @param reading of the policy as it is
   *  @param gradients ∂loss / ∂log π of each token of each completion */
  readonly train: (
    reading: PolicyReading,
    gradients: readonly (readonly number[])[],
    config: AdamwConfig,
  ) => Promise<PolicyStep>;
}
