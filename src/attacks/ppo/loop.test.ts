import { describe, expect, it } from 'vitest';
import type { Learner } from '../../learning/learner.js';
import type { PpoTrainer } from '../../learning/trainers/ppo.js';
import { ppoMethod } from './loop.js';
import { ppoSchema } from './options.js';
import { ppoSettings } from './settings.js';

const trainer: PpoTrainer = {
  step: () => 0,
  save: async () => undefined,
  load: async () => undefined,
  release: async () => undefined,
  read: async () => [],
  train: async () => ({}),
};

async function asked(given: object): Promise<unknown> {
  const options = ppoSchema.parse({ attack: 'ppo', ...given });
  let wanted: unknown = null;
  const never = (): Promise<never> => Promise.reject(new Error('another trainer'));
  const learner: Learner = {
    preference: never,
    supervised: never,
    rloo: never,
    balance: never,
    ppo: (training) => {
      wanted = training;
      return Promise.resolve(trainer);
    },
  };
  await ppoMethod(options, ppoSettings(options)).open(learner);
  return wanted;
}

describe('the trainer of PPO', () => {
  it('is asked for what the recipe says, key by key', async () => {
    const changed = {
      clip: 0.3,
      value: { coefficient: 0.7, clip: 0.4, detached: true },
      maxMeanRatio: 5,
      learningRate: 0.01,
      warmupSteps: 3,
      weightDecay: 0.02,
      maxGradientNorm: 2,
    };
    expect(await asked(changed)).toMatchObject({
      clip: 0.3,
      valueClip: 0.4,
      valueCoefficient: 0.7,
      detachValue: true,
      maxMeanRatio: 5,
      optimizer: {
        learningRate: 0.01,
        weightDecay: 0.02,
        maxGradientNorm: 2,
        schedule: { kind: 'constant', warmupSteps: 3 },
      },
    });
    expect(await asked({})).toMatchObject({ clip: 0.2, valueClip: 0.2, detachValue: false, maxMeanRatio: null });
  });
});
