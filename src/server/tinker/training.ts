/** The models that are trained here: each an adapter of its own on the served base, with its optimizer. All work on them
 *  goes through one queue, in the order in which it was asked for. */
import { randomBytes, randomInt } from 'node:crypto';
import type { Clock } from '../../base/clock.js';
import { present } from '../../base/invariant.js';
import { adaptLanguageModel, type LanguageModel } from '../../engine/models/languageModel.js';
import { saveAdapter } from '../../engine/models/adapters/adapter.js';
import { restoreWeights } from '../../learning/trainers/trainerState.js';
import { createTokenTrainer, type TokenPass, type TokenTrainer } from '../../learning/trainers/tokenTrainer.js';
import { ApiError } from '../apiError.js';
import { addressOf, type Checkpoints, readAddress } from './checkpoints.js';
import type { FutureAnswer, Futures } from './futures.js';
import { passData, type Requests } from './requests.js';
import { join } from 'node:path';

/** The protocol does not let a client choose it: twice the customary rank, as at Tinker itself. */
const loraAlpha = 32;

interface TrainedModel {
  readonly id: string;
  readonly rank: number;
  readonly model: LanguageModel;
  readonly trainer: TokenTrainer;
}

export interface TrainingOptions {
  /** The base's name in requests. */
  readonly name: string;
  readonly base: LanguageModel;
  readonly checkpoints: Checkpoints;
  readonly futures: Futures;
  /** Models that may be open at once. */
  readonly maxModels: number;
  /** A session that has said nothing for so long may lose its models to another. */
  readonly silentMs: number;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

/** A request that was taken. */
export interface Accepted {
  readonly request_id: string;
  readonly model_id: string;
}

export interface Training {
  readonly createSession: () => string;
  /** @throws ApiError 404 for a session that is not open */
  readonly requireSession: (id: string) => void;
  readonly createModel: (request: Requests['createModel']) => Accepted;
  readonly forward: (request: Requests['forward']) => Accepted;
  readonly forwardBackward: (request: Requests['forwardBackward']) => Accepted;
  readonly optimStep: (request: Requests['optimStep']) => Accepted;
  readonly saveWeights: (request: Requests['saveWeights']) => Accepted;
  /** @param onSaved given the address; its answer is the result */
  readonly saveForSampler: (
    request: Requests['saveForSampler'],
    onSaved: (address: string) => FutureAnswer,
  ) => Accepted;
  readonly loadWeights: (request: Requests['loadWeights']) => Accepted;
  readonly unload: (request: Requests['model']) => Accepted;
  /** @throws ApiError 404 */
  readonly info: (request: Requests['model']) => FutureAnswer;
  readonly count: () => number;
  /** Frees all models. */
  readonly close: () => Promise<void>;
}

export function openTraining(options: TrainingOptions): Training {
  const { name, base, checkpoints, futures, maxModels, silentMs, clock } = options;
  /** When each session was last heard of. */
  const sessions = new Map<string, number>();
  /** Models by id; null while one is being made. */
  const models = new Map<string, TrainedModel | null>();

  const requireSession = (id: string): void => {
    if (!sessions.has(id))
      throw new ApiError(404, `there is no session ${id}: open one with create_session`, { code: 'unknown_session' });
    sessions.set(id, clock.monotonicMs());
  };
  const requireKnown = (id: string): void => {
    if (!models.has(id))
      throw new ApiError(404, `there is no model ${id}: it was unloaded, or the server has started anew`, {
        code: 'unknown_model',
      });
  };
  const opened = (id: string): TrainedModel => {
    requireKnown(id);
    return present(models.get(id), 'a model that was made before');
  };
  /** A request with a number of its own is done once, however often it is sent. */
  const accept = (
    id: string,
    request: { readonly seq_id?: number | null | undefined },
    work: (model: TrainedModel) => Promise<FutureAnswer>,
  ): Accepted => {
    requireKnown(id);
    sessions.set(sessionOf(id), clock.monotonicMs());
    const { seq_id: seq = null } = request;
    const identity = seq === null ? null : JSON.stringify(request);
    return { request_id: futures.add(identity, () => work(opened(id))), model_id: id };
  };
  const infoOf = ({ rank }: TrainedModel): { readonly baseModel: string; readonly rank: number } => ({
    baseModel: name,
    rank,
  });
  const unload = async (id: string): Promise<void> => {
    const model = opened(id);
    models.delete(id);
    await free(model);
  };

  /** Puts the unloading of a model whose client is gone into the queue, before what needs its place. */
  const dropSilent = (): void => {
    const silentSince = clock.monotonicMs() - silentMs;
    for (const [id, model] of models) {
      if (model === null || (sessions.get(sessionOf(id)) ?? 0) > silentSince) continue;
      models.delete(id);
      futures.add(null, async () => {
        await free(model);
        return {};
      });
    }
  };

  return {
    count: () => models.size,
    createSession: () => {
      const id = `session-${randomBytes(8).toString('hex')}`;
      sessions.set(id, clock.monotonicMs());
      return id;
    },
    requireSession,
    createModel: ({ session_id: session, model_seq_id: seq, base_model: asked, lora_config: lora }) => {
      requireSession(session);
      if (asked !== name)
        throw new ApiError(404, `this server trains '${name}', not '${asked}'`, { param: 'base_model' });
      const id = `${session}-train-${String(seq)}`;
      if (!models.has(id) && models.size >= maxModels) dropSilent();
      if (!models.has(id) && models.size >= maxModels)
        throw new ApiError(400, `${String(models.size)} models are open; unload one first`, {
          code: 'too_many_models',
        });
      const isNew = !models.has(id);
      if (isNew) models.set(id, null);
      const { rank, seed } = lora;
      const request = futures.add(`create ${id}`, async () => {
        try {
          const config = { rank, alpha: loraAlpha, rsLora: false, targetModules: 'all-linear' };
          const model = await adaptLanguageModel(base, config, {
            seed: seed ?? randomInt(2 ** 31),
            name: id,
            source: name,
          });
          models.set(id, { id, rank, model, trainer: await createTokenTrainer(model) });
          return { type: 'create_model', model_id: id };
        } catch (error) {
          models.delete(id);
          throw error;
        }
      });
      return { request_id: request, model_id: id };
    },
    forward: (request) => {
      const data = passData(request.forward_input, base);
      return accept(request.model_id, request, async ({ trainer }) => passAnswer(await trainer.forward(data)));
    },
    forwardBackward: (request) => {
      const data = passData(request.forward_backward_input, base);
      return accept(request.model_id, request, async ({ trainer }) => passAnswer(await trainer.backward(data)));
    },
    optimStep: (request) =>
      accept(request.model_id, request, async ({ trainer }) => {
        const {
          learning_rate: learningRate,
          beta1,
          beta2,
          eps,
          weight_decay: weightDecay,
          grad_clip_norm: clip,
        } = request.adam_params;
        const { gradientNorm } = await trainer.update({
          learningRate,
          beta1,
          beta2,
          epsilon: eps,
          weightDecay,
          maxGradientNorm: clip > 0 ? clip : null,
          schedule: { kind: 'constant' },
        });
        return { type: 'optim_step', metrics: { grad_norm: gradientNorm, learning_rate: learningRate } };
      }),
    saveWeights: (request) =>
      accept(request.model_id, request, async (model) => {
        const place = {
          run: model.id,
          kind: 'weights',
          name: request.path ?? `step-${String(model.trainer.step())}`,
        } as const;
        await checkpoints.save(place, infoOf(model), model.trainer.save, request.overwrite);
        return { type: 'save_weights', path: addressOf(place) };
      }),
    saveForSampler: (request, onSaved) =>
      accept(request.model_id, request, async (model) => {
        const { path, sampling_session_seq_id: seq } = request;
        const place = { run: model.id, kind: 'sampler_weights', name: path ?? `sampler-${String(seq ?? 0)}` } as const;
        const adapter = present(model.model.adapter, 'a model that is trained here has an adapter');
        await checkpoints.save(
          place,
          infoOf(model),
          (folder) => saveAdapter(base.device, adapter, join(folder, 'adapter')),
          true,
        );
        return onSaved(addressOf(place));
      }),
    loadWeights: (request) => {
      const place = readAddress(request.path);
      return accept(request.model_id, request, async (model) => {
        const { folder, info } = checkpoints.find(place);
        if (info.rank !== model.rank || info.baseModel !== name)
          throw new ApiError(400, `${request.path} is of rank ${String(info.rank)} on ${info.baseModel}`, {
            param: 'path',
          });
        if (request.optimizer && place.kind !== 'weights')
          throw new ApiError(400, 'weights for a sampler come without an optimizer', { param: 'path' });
        if (request.optimizer) await model.trainer.load(folder);
        else {
          const { weights } = present(model.model.adapter, 'a model that is trained here has an adapter');
          await restoreWeights(join(folder, 'adapter'), { device: base.device, weights, part: 'adapter' });
        }
        return { type: 'load_weights', path: request.path, model_id: model.id };
      });
    },
    unload: ({ model_id: id }) =>
      accept(id, {}, async () => {
        await unload(id);
        return { type: 'unload_model', model_id: id };
      }),
    info: ({ model_id: id }) => {
      requireKnown(id);
      const rank = models.get(id)?.rank ?? null;
      return {
        type: 'get_info',
        model_id: id,
        model_data: { model_name: name, arch: base.architecture.config.raw['model_type'] ?? null },
        model_name: name,
        is_lora: true,
        ...(rank === null ? {} : { lora_rank: rank }),
      };
    },
    close: async () => {
      for (const [id, model] of models) if (model !== null) await unload(id);
      models.clear();
    },
  };
}

async function free({ model, trainer }: TrainedModel): Promise<void> {
  await trainer.release();
  await model.close();
}

/** A model's id begins with that of its session. */
function sessionOf(model: string): string {
  return model.replace(/-train-\d+$/, '');
}

/** @see combine_fwd_bwd_output_results of the SDK: a metric's name says after a colon how those of parts are joined */
function passAnswer({ loss, logProbs }: TokenPass): FutureAnswer {
  return {
    loss_fn_output_type: 'logprobs',
    loss_fn_outputs: logProbs.map((list) => ({ logprobs: { data: list, dtype: 'float32', shape: [list.length] } })),
    metrics: { 'loss:sum': loss },
  };
}
