/** Weights change here: log-probabilities → gradient → optimizer step, behind one interface. Its caller (an attack or
 *  a mend stage) gives examples and gets numbers; whether the weights are in this process is the learner's
 *  business alone. */
import type { LanguageModel } from '../engine/models/languageModel.js';
import { createPreferenceTrainer, type PreferenceOptions, type PreferenceTrainer } from './trainers/preference.js';
import { createPpoTrainer, type PpoTrainer, type PpoTraining } from './trainers/ppo.js';
import { createRlooTrainer, type RlooTrainer, type RlooTraining } from './trainers/rloo.js';
import { type BalanceTrainer, type BalanceTraining, createBalanceTrainer } from './trainers/trajectoryBalance.js';
import { createSftTrainer, type SftTrainer, type SftTraining } from './trainers/sft.js';

export interface Learner {
  /** Trains on preference pairs (IPO, DPO, CTB, adversarial DPO). */
  readonly preference: (options: Partial<PreferenceOptions>) => Promise<PreferenceTrainer>;
  /** Trains on completions by cross-entropy. */
  readonly supervised: (options: Partial<SftTraining>) => Promise<SftTrainer>;
  /** Trains on what the policy drew by PPO; the model has a value head. */
  readonly ppo: (options: Partial<PpoTraining>) => Promise<PpoTrainer>;
  /** Trains on what the policy drew by RLOO. */
  readonly rloo: (options: Partial<RlooTraining>) => Promise<RlooTrainer>;
  /** Trains on completions of any origin by trajectory balance; the model has a value head. */
  readonly balance: (options: Partial<BalanceTraining>) => Promise<BalanceTrainer>;
}

/** Our own engine, on the weights of a trainable model in this process.
 *  @param onStep called after every optimizer step */
export function localLearner(model: LanguageModel, onStep: () => void): Learner {
  return {
    preference: async (options) => countSteps(await createPreferenceTrainer(model, options), onStep),
    supervised: async (options) => countSteps(await createSftTrainer(model, options), onStep),
    ppo: async (options) => countSteps(await createPpoTrainer(model, options), onStep),
    rloo: async (options) => countSteps(await createRlooTrainer(model, options), onStep),
    balance: async (options) => countSteps(await createBalanceTrainer(model, options), onStep),
  };
}

/** The same trainer, which calls `onStep` after every optimizer step. */
export function countSteps<Batch, Values, Trainer extends { readonly train: (batch: Batch) => Promise<Values> }>(
  trainer: Trainer & { readonly train: (batch: Batch) => Promise<Values> },
  onStep: () => void,
): Trainer {
  return {
    ...trainer,
    train: async (batch: Batch) => {
      const values = await trainer.train(batch);
      onStep();
      return values;
    },
  };
}
