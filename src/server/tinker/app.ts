/** The routes of the Tinker protocol and what stands before them: host, key, type and size of the body.
 *  Source: the official Python SDK, tinker 0.24, whose bodies are JSON. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import type { z } from 'zod';
import { ApiError } from '../apiError.js';
import { requireJson, requireLoopbackHost, requireToken } from '../guards.js';
import { answerFailures, bodyOf, limitBody } from '../requests.js';
import { addressOf, type CheckpointPlace, checkpointKinds, type Checkpoints, readAddress } from './checkpoints.js';
import type { Futures } from './futures.js';
import { readRequest, requests } from './requests.js';
import type { Samplers } from './samplers.js';
import type { Training } from './training.js';

export interface TinkerParts {
  /** The base's name in requests. */
  readonly name: string;
  readonly contextLength: number;
  readonly training: Training;
  readonly samplers: Samplers;
  readonly futures: Futures;
  readonly checkpoints: Checkpoints;
}

export interface TinkerAppOptions {
  /** With null, every process of this machine may ask. */
  readonly token: string | null;
  readonly maxBodyBytes: number;
  /** Signs the addresses of downloads, which are fetched without the key. */
  readonly secret: string;
}

const notice =
  'gadfly serves this model: losses cross_entropy and importance_sampling, sums over tokens; adapters on the linear maps inside the layers, alpha 32, none on the vocabulary head (train_unembed changes nothing)';

export function createTinkerApp(parts: TinkerParts, options: TinkerAppOptions): Hono {
  const { token, maxBodyBytes } = options;
  const { name, training, samplers, futures, checkpoints } = parts;
  const app = new Hono();
  const api = '/api/v1';
  app.use(requireLoopbackHost());
  app.get(`${api}/healthz`, (context) => context.json({ status: 'ok' }));
  const guard = token === null ? null : requireToken(token, 'x-api-key');
  const guardUnsigned: MiddlewareHandler = async (context, next) =>
    guard === null || isSigned(context, options.secret) ? next() : guard(context, next);
  app.use(`${api}/*`, guardUnsigned);
  app.use(`${api}/*`, refuseProtobuf(), requireJson(), limitBody(maxBodyBytes));

  /** A route whose body has a schema. */
  const post = <Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    answer: (request: z.output<Schema>) => object,
  ): void => {
    app.post(`${api}/${path}`, async (context) => context.json(answer(readRequest(schema, await bodyOf(context)))));
  };

  app.get(`${api}/get_server_capabilities`, (context) =>
    context.json({ supported_models: [{ model_name: name, max_context_length: parts.contextLength }] }),
  );
  // The SDK asks for its settings before anything else. Chunks in order, all of it JSON.
  app.post(`${api}/client/config`, (context) =>
    context.json({ parallel_fwdbwd_chunks: false, proto_write_fwdbwd: false, fwd_via_fwdbwd: false }),
  );
  app.post(`${api}/telemetry`, (context) => context.json({ status: 'accepted' }));
  post('create_session', requests.createSession, () => ({
    type: 'create_session',
    session_id: training.createSession(),
    info_message: notice,
  }));
  post('session_heartbeat', requests.heartbeat, ({ session_id: id }) => {
    training.requireSession(id);
    return { type: 'session_heartbeat' };
  });
  post('create_model', requests.createModel, training.createModel);
  post('get_info', requests.model, training.info);
  post('unload_model', requests.model, training.unload);
  post('forward', requests.forward, training.forward);
  post('forward_backward', requests.forwardBackward, training.forwardBackward);
  post('optim_step', requests.optimStep, training.optimStep);
  post('save_weights', requests.saveWeights, training.saveWeights);
  post('load_weights', requests.loadWeights, training.loadWeights);
  post('save_weights_for_sampler', requests.saveForSampler, (request) =>
    training.saveForSampler(request, (address) => ({
      type: 'save_weights_for_sampler',
      ...(request.path == null ? { sampling_session_id: samplers.openSession(address) } : { path: address }),
    })),
  );
  post(
    'create_sampling_session',
    requests.samplingSession,
    ({ session_id: id, model_path: path, base_model: asked }) => {
      training.requireSession(id);
      if (path == null && asked != null && asked !== name)
        throw new ApiError(404, `this server samples from '${name}', not '${asked}'`, { param: 'base_model' });
      return { type: 'create_sampling_session', sampling_session_id: samplers.openSession(path ?? null) };
    },
  );
  post('asample', requests.sample, samplers.sample);
  post('weights_info', requests.weightsInfo, ({ tinker_path: path }) => {
    const { info } = checkpoints.find(readAddress(path));
    return { base_model: info.baseModel, is_lora: true, lora_rank: info.rank, train_mlp: true, train_attn: true };
  });
  app.post(`${api}/retrieve_future`, async (context) => {
    const { request_id: id } = readRequest(requests.retrieve, await bodyOf(context));
    const result = await futures.wait(id);
    return result === null
      ? context.json({ type: 'try_again', request_id: id, queue_state: 'active' }, 408)
      : context.json(result);
  });
  addCheckpointRoutes(app, `${api}/training_runs/:run/checkpoints`, checkpoints, options.secret);
  answerFailures(app);
  return app;
}

function addCheckpointRoutes(app: Hono, base: string, checkpoints: Checkpoints, secret: string): void {
  app.get(base, async (context) => {
    const places = await checkpoints.list(context.req.param('run') ?? '');
    return context.json({
      checkpoints: places.map(({ time, ...place }) => ({
        checkpoint_id: `${place.kind}/${place.name}`,
        checkpoint_type: place.kind === 'weights' ? 'training' : 'sampler',
        time,
        tinker_path: addressOf(place),
      })),
    });
  });
  // With the kind, as the SDK asks, or without it: weights for a sampler.
  for (const path of [`${base}/:kind/:name`, `${base}/:name`]) {
    app.get(`${path}/archive`, (context) => {
      checkpoints.find(placeOf(context));
      const { origin } = new URL(context.req.url);
      const download = context.req.path.replace(/archive$/, 'download');
      return context.redirect(`${origin}${download}?signature=${signatureOf(download, secret)}`, 302);
    });
    app.get(`${path}/download`, async (context) => {
      const archive = await checkpoints.archive(placeOf(context));
      return context.body(Uint8Array.from(archive).buffer, 200, { 'content-type': 'application/gzip' });
    });
    app.delete(path, async (context) => {
      await checkpoints.remove(placeOf(context));
      return context.body(null, 204);
    });
  }
}

function placeOf(context: Context): CheckpointPlace {
  const given = context.req.param('kind') ?? 'sampler_weights';
  const kind = checkpointKinds.find((each) => each === given);
  if (kind === undefined) throw new ApiError(404, `there are no checkpoints of kind ${given}`);
  return { run: context.req.param('run') ?? '', kind, name: context.req.param('name') ?? '' };
}

function signatureOf(path: string, secret: string): string {
  return createHmac('sha256', secret).update(path).digest('base64url');
}

function isSigned(context: Context, secret: string): boolean {
  const given = context.req.query('signature');
  if (context.req.method !== 'GET' || given === undefined) return false;
  const [own, other] = [Buffer.from(signatureOf(context.req.path, secret)), Buffer.from(given)];
  return own.length === other.length && timingSafeEqual(own, other);
}

/** From 0.25 on the SDK sends protobuf, unless a server tells it not to. */
function refuseProtobuf(): MiddlewareHandler {
  return async (context, next) => {
    if (/protobuf/i.test(context.req.header('content-type') ?? ''))
      throw new ApiError(
        415,
        'this server reads JSON, and the tinker SDK from 0.25 on sends protobuf: install tinker<0.25',
        { code: 'protobuf' },
      );
    await next();
  };
}
