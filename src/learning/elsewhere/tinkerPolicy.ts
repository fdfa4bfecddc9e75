/** A policy whose adapter is trained by a server of the Tinker protocol, and speaks in this process: the base is here as
 *  well, and the adapter is fetched when it is to speak.
 *
 *  Derivatives travel in the form that servers have in common: the loss importance_sampling with the log-probabilities as
 *  they are, so that the ratio is 1 and its gradient is that of −Σ A · log π, with advantages A = −∂loss / ∂log π. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { invariant, present } from '../../base/invariant.js';
import { readJsonObject } from '../../base/json.js';
import { readAs, requireVersion } from '../../base/readAs.js';
import { saveAdapter } from '../../engine/models/adapters/adapter.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import type { Sequence } from '../../engine/models/packSequences.js';
import { scheduleFraction } from '../../engine/optim/schedules.js';
import type { TinkerDatum, TinkerModel } from '../../remote/tinker/model.js';
import { restoreWeights } from '../trainers/trainerState.js';
import { withAdapterFolder } from './adapterArchive.js';
import type { LogProbPolicy, PolicyReading } from './logProbPolicy.js';
import { type Measured, scaleOf } from './normalisation.js';

export interface TinkerPolicy extends LogProbPolicy {
  /** Fetches the adapter where it was trained since: what the model says next is said with it. */
  readonly refresh: () => Promise<void>;
}

/** The version of the form that this code writes and reads. */
const stateVersion = 1;
const stateSchema = z.object({
  step: z.int().min(0),
  /** Weights and optimizer on the server. */
  server: z.string(),
});

/** @param remote as the server has it
 *  @param local wears the same adapter
 *  @param name what checkpoints on the server begin with */
export function createTinkerPolicy(
  remote: TinkerModel,
  local: Pick<LanguageModel, 'device' | 'adapter'>,
  { normalisation, name }: Pick<Measured, 'normalisation'> & { readonly name: string },
): TinkerPolicy {
  const { device } = local;
  const adapter = present(local.adapter, 'what is trained elsewhere is an adapter');
  const prefix = name.replace(/[^A-Za-z0-9_-]/g, '-');
  /** The parts of a reading that its receiver does not see: it read the tokens of the prefixes as well. */
  const wholes = new WeakMap<
    PolicyReading,
    { readonly data: readonly TinkerDatum[]; readonly logProbs: readonly (readonly number[])[] }
  >();
  let steps = 0;
  let isFresh = true;
  const restore = (folder: string): Promise<void> =>
    restoreWeights(folder, { device, weights: adapter.weights, part: 'adapter' });
  const refresh = async (): Promise<void> => {
    if (isFresh) return;
    await withAdapterFolder(await remote.adapter(prefix), restore);
    isFresh = true;
  };
  return {
    refresh,
    step: () => steps,
    release: () => Promise.resolve(),
    read: async (sequences) => {
      const data = sequences.map(datumOf);
      const logProbs = data.length === 0 ? [] : await remote.forward(data);
      const reading = {
        sequences,
        logProbs: logProbs.map((list, i) => completionOf(present(sequences[i], 'a sequence'), list)),
      };
      wholes.set(reading, { data, logProbs });
      return reading;
    },
    train: async (reading, gradients, config) => {
      const { data, logProbs } = present(wholes.get(reading), 'what was read by this policy');
      const { learningRate: fullRate, schedule, beta1, beta2, epsilon, weightDecay, maxGradientNorm } = config;
      const learningRate = fullRate * scheduleFraction(schedule, steps + 1);
      const lessons = data.map((datum, i) => {
        const factor = -scaleOf(normalisation, datum, data.length);
        const own = present(gradients[i], 'derivatives for each sequence');
        const before = datum.targets.length - own.length;
        return {
          ...datum,
          logProbs: present(logProbs[i], 'log-probabilities of each sequence'),
          // Not −0, which JSON would write as 0 all the same.
          advantages: datum.targets.map((_, t) => (t < before ? 0 : factor * (own[t - before] ?? NaN))),
        };
      });
      isFresh = false;
      const { gradientNorm } = await remote.train(lessons, {
        learning_rate: learningRate,
        beta1,
        beta2,
        eps: epsilon,
        weight_decay: weightDecay,
        grad_clip_norm: maxGradientNorm ?? 0,
      });
      steps++;
      return { gradientNorm, learningRate };
    },
    save: async (folder) => {
      const server = await remote.save(`${prefix}-step-${String(steps)}`);
      await refresh();
      await saveAdapter(device, adapter, join(folder, 'adapter'));
      const state = { schema: stateVersion, step: steps, server };
      await writeFile(join(folder, 'trainer.json'), `${JSON.stringify(state, null, 2)}\n`);
    },
    load: async (folder) => {
      const path = join(folder, 'trainer.json');
      const value = readJsonObject(path);
      requireVersion(value, stateVersion, 'trainer state', path);
      const { step, server } = readAs(stateSchema, value, path);
      await remote.load(server);
      await restore(join(folder, 'adapter'));
      steps = step;
      isFresh = true;
    },
  };
}

/** @param sequence with a prefix: the probability of a first token is not defined */
export function datumOf({ prefix, completion }: Sequence): TinkerDatum {
  invariant(prefix.length > 0 && completion.length > 0, 'a sequence that is trained has a prefix and a completion');
  const all = [...prefix, ...completion];
  return { inputs: all.slice(0, -1), targets: all.slice(1) };
}

export function completionOf({ completion }: Sequence, logProbs: readonly number[]): readonly number[] {
  return logProbs.slice(logProbs.length - completion.length);
}
