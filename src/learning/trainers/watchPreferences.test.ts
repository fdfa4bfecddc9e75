import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyModel } from '../../../tests/fakes/tinyModel.js';
import { ConfigError } from '../../base/errors.js';
import { openStream, streamKey } from '../../base/random.js';
import { scoreCompletions } from '../../engine/models/scoreCompletions.js';
import { defaultAdamw } from '../../engine/optim/adamw.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { createPreferenceTrainer, type PreferenceOptions } from './preference.js';
import type { TrainingPair } from './trainingData.js';
import { watchPreferences } from './watchPreferences.js';

const optimizer = { ...defaultAdamw, learningRate: 3e-3 };

describe('watching preferences', () => {
  let device: Device;
  let pairs: readonly TrainingPair[];
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    pairs = await referencedPairs();
  });
  afterAll(() => device.close());

  /** Random replies with the log-probabilities of the untrained model, as a frozen reference gives them. */
  async function referencedPairs(): Promise<readonly TrainingPair[]> {
    const draw = openStream(streamKey(3, 'watched pairs'));
    const ids = (count: number): number[] => Array.from({ length: count }, () => 97 + draw.integer(26));
    const model = await tinyModel(device);
    const bare = Array.from({ length: 6 }, () => ({ prefix: ids(6), chosen: ids(3), rejected: ids(4), toxic: ids(4) }));
    const scores = await scoreCompletions(
      model,
      bare.flatMap(({ prefix, chosen, rejected, toxic }) =>
        [chosen, rejected, toxic].map((completion) => ({ prefix, completion })),
      ),
    );
    await model.close();
    const of = (i: number): number[] => [...(scores[i] ?? [])];
    return bare.map((pair, i) => ({
      ...pair,
      referenceChosen: of(3 * i),
      referenceRejected: of(3 * i + 1),
      referenceToxic: of(3 * i + 2),
    }));
  }

  async function watchedAfter(
    steps: number,
    options: Partial<PreferenceOptions>,
  ): Promise<Readonly<Record<string, number>>> {
    const model = await tinyModel(device);
    const trainer = await createPreferenceTrainer(model, { optimizer, ...options });
    for (let step = 0; step < steps; step++) await trainer.train(pairs);
    const watched = await watchPreferences(model, pairs);
    await trainer.release();
    await model.close();
    return watched;
  }

  it('before training every log-ratio is zero and no chosen reply has gained more than the rejected one', async () => {
    expect(await watchedAfter(0, {})).toEqual({
      'kl/chosen': 0,
      'kl/rejected': 0,
      'kl/toxic': 0,
      'rewards/accuracies': 0,
    });
  });

  it('log-ratios are sums in nats over whole replies, averaged over pairs; the toxic mean over the pairs that have one', async () => {
    const shift = 0.25;
    const model = await tinyModel(device);
    const moved = pairs.map(({ toxic, referenceToxic, ...pair }, i) => ({
      ...pair,
      referenceChosen: pair.referenceChosen.map((value) => value - shift),
      referenceRejected: pair.referenceRejected.map((value) => value + shift),
      ...(i < 2 && toxic !== undefined && referenceToxic !== undefined
        ? { toxic, referenceToxic: referenceToxic.map((value) => value + 2 * shift) }
        : {}),
    }));
    const watched = await watchPreferences(model, moved);
    expect(watched['kl/chosen']).toBeCloseTo(3 * shift, 5);
    expect(watched['kl/rejected']).toBeCloseTo(-4 * shift, 5);
    expect(watched['kl/toxic']).toBeCloseTo(-8 * shift, 5);
    expect(watched['rewards/accuracies']).toBe(1);
    await model.close();
  });

  it.each(['joint', 'paired', 'separate'] as const)(
    'adpo, %s: the toxic reply loses likelihood, and ends lower than DPO leaves it',
    async (form) => {
      const dpo = await watchedAfter(8, { loss: 'dpo', beta: 0.3 });
      const adpo = await watchedAfter(8, { loss: 'adpo', form, beta: 0.3, gamma: 0.3 });
      expect(adpo['kl/toxic'] as number).toBeLessThan(-1);
      expect(adpo['kl/toxic'] as number).toBeLessThan(dpo['kl/toxic'] as number);
      expect(adpo['rewards/accuracies']).toBe(1);
    },
  );

  it('pairs without toxic replies have no toxic mean, and no pairs at all are an error', async () => {
    const model = await tinyModel(device);
    const plain = pairs.map(({ prefix, chosen, rejected, referenceChosen, referenceRejected }) => ({
      prefix,
      chosen,
      rejected,
      referenceChosen,
      referenceRejected,
    }));
    expect(Object.keys(await watchPreferences(model, plain))).toEqual([
      'kl/chosen',
      'kl/rejected',
      'rewards/accuracies',
    ]);
    await expect(watchPreferences(model, [])).rejects.toThrow(ConfigError);
    await model.close();
  });
});
