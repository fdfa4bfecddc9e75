/** Losses over log-probabilities alone, beside the trainers that compute them in one graph with the model. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyModel } from '../../../tests/fakes/tinyModel.js';
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { adaptLanguageModel, type LanguageModel, trainedPart } from '../../engine/models/languageModel.js';
import { defaultAdamw } from '../../engine/optim/adamw.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { createPreferenceTrainer, type PreferenceOptions } from '../trainers/preference.js';
import { createTokenTrainer, type TokenDatum, type TokenTrainer, type TokenValues } from '../trainers/tokenTrainer.js';
import type { TrainingPair } from '../trainers/trainingData.js';
import { learnerElsewhere } from './learner.js';
import type { LogProbPolicy } from './logProbPolicy.js';
import { completionOf, datumOf } from './tinkerPolicy.js';

const optimizer = { ...defaultAdamw, learningRate: 1e-2, schedule: { kind: 'constant' } as const };
const pairs: readonly TrainingPair[] = [0, 1, 2].map((i) => ({
  prefix: [97 + i, 98, 99],
  chosen: [100, 101 + i, 102],
  rejected: [103 + i, 104],
  toxic: [110 + i, 111],
  referenceChosen: [-5, -5, -5],
  referenceRejected: [-5, -5],
  referenceToxic: [-4, -4],
  soughtMargin: i,
  anchor: { prefix: [65, 66 + i], completion: [67, 68], reference: [-5, -6] },
}));

/** A policy in this process that is asked for no more than one elsewhere. */
function policyOf(trainer: TokenTrainer): LogProbPolicy {
  const valued = (datum: Pick<TokenDatum, 'inputs' | 'targets'>, values: TokenValues): TokenDatum => ({
    ...datum,
    values,
  });
  const { step, save, load, release } = trainer;
  return {
    step,
    save,
    load,
    release,
    read: async (sequences) => {
      const data = sequences.map(datumOf);
      const { logProbs } = await trainer.forward(
        data.map((datum) => valued(datum, { loss: 'cross_entropy', weights: datum.targets.map(() => 1) })),
      );
      return { sequences, logProbs: sequences.map((each, i) => completionOf(each, present(logProbs[i], 'a list'))) };
    },
    train: async ({ sequences, logProbs }, gradients, config) => {
      const data = sequences.map((sequence, i) => {
        const datum = datumOf(sequence);
        const padded = (list: readonly number[]): readonly number[] => [
          ...Array.from({ length: datum.targets.length - list.length }, () => 0),
          ...list,
        ];
        return valued(datum, {
          loss: 'importance_sampling',
          oldLogProbs: padded(present(logProbs[i], 'a list')),
          advantages: padded(present(gradients[i], 'derivatives').map((each) => -each)),
        });
      });
      await trainer.backward(data);
      return { ...(await trainer.update(config)), learningRate: config.learningRate };
    },
  };
}

describe('a learner over log-probabilities', () => {
  let device: Device;
  let base: LanguageModel;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    base = await tinyModel(device);
  });
  afterAll(() => device.close());

  const adapt = (): Promise<LanguageModel> =>
    adaptLanguageModel(base, { rank: 4, alpha: 8, rsLora: false, targetModules: 'all-linear' }, { seed: 1 });

  const objectives: readonly Partial<PreferenceOptions>[] = [
    { loss: 'ipo', logProbs: 'mean', nll: 0.5, anchor: 2 },
    { loss: 'dpo', beta: 0.3 },
    { loss: 'ctb', beta: 1 },
    ...(['joint', 'paired', 'separate'] as const).map((form) => ({
      loss: 'adpo' as const,
      form,
      logProbs: 'mean' as const,
    })),
  ];
  it.each(objectives)('trains %j as the graph does: loss, logs, weights', async (objective) => {
    const [here, there] = [await adapt(), await adapt()];
    const local = await createPreferenceTrainer(here, { ...objective, optimizer });
    const policy = policyOf(await createTokenTrainer(there));
    let steps = 0;
    const elsewhere = await learnerElsewhere(policy, () => steps++).preference({ ...objective, optimizer });
    for (let step = 0; step < 3; step++) {
      const [a, b] = [await local.train(pairs), await elsewhere.train(pairs)];
      expect(Object.keys(b).sort()).toEqual(Object.keys(a).sort());
      for (const [name, value] of Object.entries(a))
        expect(Math.abs((b[name] ?? NaN) - value), name).toBeLessThan(1e-4 * Math.max(1, Math.abs(value)));
    }
    expect([steps, elsewhere.step()]).toEqual([3, 3]);
    const [a, b] = [await device.readAll(trainedPart(here).weights), await device.readAll(trainedPart(there).weights)];
    // Adam's first steps give a weight whose gradient is nothing but rounding a whole step, up or down: 1.4e-5 was seen.
    expect(Math.hypot(...a.map((x, i) => x - (b[i] ?? NaN)))).toBeLessThan(1e-4 * Math.hypot(...a));
    await local.release();
    await policy.release();
  });

  it('refuses pairs without what the objective reads, a loss that is no number, and a value head', async () => {
    const model = await adapt();
    const policy = policyOf(await createTokenTrainer(model));
    const learner = learnerElsewhere(policy, () => undefined);
    const [pair] = pairs;
    const { soughtMargin: _, ...without } = present(pair, 'a pair');
    await expect((await learner.preference({ loss: 'ctb', beta: 1 })).train([without])).rejects.toThrow(/no margin/);
    const lost = { ...without, referenceChosen: [NaN, 0, 0] };
    await expect((await learner.preference({ loss: 'ipo' })).train([lost])).rejects.toThrow(/diverged/);
    await expect(learner.ppo({})).rejects.toThrow(ConfigError);
    expect(policy.step()).toBe(0);
    await policy.release();
  });
});
