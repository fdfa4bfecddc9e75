/** Sampling of the protocol: from the base, or from the weights that a training has put aside for it. */
import { randomBytes, randomInt } from 'node:crypto';
import { join } from 'node:path';
import { streamKey } from '../../base/random.js';
import { openAdapter } from '../../engine/models/adapters/adapter.js';
import { generate } from '../../engine/models/generate.js';
import { type LanguageModel, wearAdapter } from '../../engine/models/languageModel.js';
import { plainSampling } from '../../engine/runtime/device.js';
import { ApiError } from '../apiError.js';
import { type Checkpoints, readAddress } from './checkpoints.js';
import type { FutureAnswer, Futures } from './futures.js';
import { type Requests, tokensOf } from './requests.js';

export interface SamplerOptions {
  readonly name: string;
  readonly base: LanguageModel;
  readonly checkpoints: Checkpoints;
  readonly futures: Futures;
}

export interface Samplers {
  /** @param address weights that it samples from; null is the base. Returns the session's id. */
  readonly openSession: (address: string | null) => string;
  /** @throws ApiError 404 for a session, weights or a base that is not there */
  readonly sample: (request: Requests['sample']) => { readonly request_id: string };
  readonly close: () => Promise<void>;
}

/** Adapters that are kept open; the one that was used longest ago is closed first. */
const mostOpen = 4;
/** New tokens of a request that asks for no number. */
const defaultTokens = 1024;

export function openSamplers({ name, base, checkpoints, futures }: SamplerOptions): Samplers {
  const sessions = new Map<string, string | null>();
  const worn = new Map<string, LanguageModel>();

  const modelAt = async (address: string | null): Promise<LanguageModel> => {
    if (address === null) return base;
    const known = worn.get(address);
    worn.delete(address);
    const { folder } = checkpoints.find(readAddress(address));
    const model =
      known ??
      wearAdapter(base, await openAdapter(base.device, base.architecture, join(folder, 'adapter')), {
        name: address,
        trainable: true,
      });
    worn.set(address, model);
    for (const [oldest, each] of worn) {
      if (worn.size <= mostOpen) break;
      worn.delete(oldest);
      await each.close();
    }
    return model;
  };

  const sourceOf = (request: Requests['sample']): string | null => {
    const { sampling_session_id: session, model_path: path, base_model: asked } = request;
    if (session != null) {
      const address = sessions.get(session);
      if (address !== undefined) return address;
      throw new ApiError(404, `there is no sampling session ${session}`, { code: 'unknown_session' });
    }
    if (path != null) {
      checkpoints.find(readAddress(path));
      return path;
    }
    if (asked != null && asked !== name)
      throw new ApiError(404, `this server samples from '${name}', not '${asked}'`, { param: 'base_model' });
    return null;
  };

  return {
    openSession: (address) => {
      if (address !== null) checkpoints.find(readAddress(address));
      const id = `sampler-${randomBytes(8).toString('hex')}`;
      sessions.set(id, address);
      return id;
    },
    sample: (request) => {
      const address = sourceOf(request);
      const ids = tokensOf(request.prompt, base, 'prompt');
      const identity = request.seq_id == null ? null : `sample ${JSON.stringify(request)}`;
      return { request_id: futures.add(identity, async () => sampled(await modelAt(address), ids, request)) };
    },
    close: async () => {
      for (const model of worn.values()) await model.close();
      worn.clear();
    },
  };
}

async function sampled(
  model: LanguageModel,
  ids: readonly number[],
  { num_samples: count, sampling_params: sampling, prompt_logprobs: scores }: Requests['sample'],
): Promise<FutureAnswer> {
  const { max_tokens: most, seed = null, stop, temperature, top_k: topK, top_p: topP } = sampling;
  const drawn = seed ?? randomInt(2 ** 31);
  const stops = stop == null ? [] : typeof stop === 'string' ? [stop] : stop;
  const stopIds = stops.filter((each) => typeof each === 'number');
  const room = model.contextLength - ids.length;
  const results = await generate(
    model,
    Array.from({ length: count }, (_, k) => ({
      ids,
      stream: streamKey(drawn, 'generate', 0, k),
      ...(scores === true && k === 0 ? { scoreFrom: 1 } : {}),
    })),
    {
      ...plainSampling,
      temperature,
      topK: Math.max(0, topK),
      topP,
      maxNewTokens: Math.min(room, most ?? defaultTokens),
      stopIds: [...model.tokenizer.endIds, ...stopIds],
      stopStrings: stops.filter((each) => typeof each === 'string'),
    },
  );
  return {
    type: 'sample',
    sequences: results.map(({ ids: tokens, logProbs, finishReason }) => ({
      stop_reason: finishReason,
      tokens,
      logprobs: logProbs,
    })),
    ...(scores === true ? { prompt_logprobs: [null, ...(results[0]?.scored ?? [])] } : {}),
  };
}
