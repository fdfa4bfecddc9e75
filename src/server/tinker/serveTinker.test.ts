/** The trainer on the tiny model over loopback, asked by bare HTTP. */
import { mkdtempSync, mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyModel } from '../../../tests/fakes/tinyModel.js';
import { manualClock } from '../../base/clock.js';
import { unpackTar } from '../../base/tar.js';
import { openAdapter } from '../../engine/models/adapters/adapter.js';
import { adaptLanguageModel, type LanguageModel, trainedPart, wearAdapter } from '../../engine/models/languageModel.js';
import { scoreCompletions } from '../../engine/models/scoreCompletions.js';
import { defaultAdamw } from '../../engine/optim/adamw.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { createSftTrainer } from '../../learning/trainers/sft.js';
import { type RunningTinker, serveTinker } from './serveTinker.js';

type Json = Readonly<Record<string, unknown>>;

const ids = [97, 98, 99, 100, 101, 102];
const datum = (values: Readonly<Record<string, readonly number[]>>, tokens = ids): Json => ({
  model_input: { chunks: [{ type: 'encoded_text', tokens: tokens.slice(0, -1) }] },
  loss_fn_inputs: Object.fromEntries(
    Object.entries({ target_tokens: tokens.slice(1), ...values }).map(([key, data]) => [key, { data }]),
  ),
});
const adam = { learning_rate: 1e-2, beta2: 0.999, eps: 1e-8, grad_clip_norm: 1 };

describe('gadfly serve --tinker', () => {
  let device: Device;
  let base: LanguageModel;
  let server: RunningTinker;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    base = await tinyModel(device);
    server = await serveTinker(base, { name: 'tiny' });
  });
  afterAll(async () => {
    await server.close();
    await device.close();
  });

  const post = async (path: string, body: Json, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
    fetch(`${server.url}/api/v1/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': server.token ?? '', ...headers },
      body: JSON.stringify(body),
    });
  const json = async (path: string, body: Json): Promise<Json> => (await (await post(path, body)).json()) as Json;
  const result = async (path: string, body: Json): Promise<Json> =>
    json('retrieve_future', { request_id: (await json(path, body))['request_id'] });
  const openModel = async (): Promise<string> => {
    const { session_id: session } = await json('create_session', {});
    const made = await result('create_model', {
      session_id: session,
      base_model: 'tiny',
      lora_config: { rank: 2, seed: 5 },
    });
    return String(made['model_id']);
  };
  const logProbsOf = (pass: Json): readonly (readonly number[])[] =>
    (pass['loss_fn_outputs'] as readonly { readonly logprobs: { readonly data: readonly number[] } }[]).map(
      ({ logprobs }) => logprobs.data,
    );
  const download = async (address: string): Promise<string> => {
    const [run = '', kind = '', name = ''] = address.replace('tinker://', '').split('/');
    const answer = await fetch(`${server.url}/api/v1/training_runs/${run}/checkpoints/${kind}/${name}/archive`, {
      headers: { 'x-api-key': server.token ?? '' },
      redirect: 'manual',
    });
    expect(answer.status).toBe(302);
    // Fetched without the key, as the SDK does.
    const archive = new Uint8Array(await (await fetch(answer.headers.get('location') ?? '')).arrayBuffer());
    const folder = join(mkdtempSync(join(tmpdir(), 'gadfly-archive-')), 'adapter');
    mkdirSync(folder);
    for (const { name: file, bytes } of unpackTar(gunzipSync(archive), 'archive'))
      writeFileSync(join(folder, file), bytes);
    return folder;
  };
  const adapterWeights = async (address: string): Promise<Float32Array> =>
    device.readAll((await openAdapter(device, base.architecture, await download(address))).weights);

  it('trains what the local trainer of an adapter trains, by cross-entropy and by importance sampling alike', async () => {
    const [byEntropy, byRatio] = [await openModel(), await openModel()];
    const weights = [0, 0, 0, 1, 1].map((each) => each / 2);
    const local = await adaptLanguageModel(
      base,
      { rank: 2, alpha: 32, rsLora: false, targetModules: 'all-linear' },
      { seed: 5 },
    );
    const trainer = await createSftTrainer(local, { optimizer: { ...defaultAdamw, learningRate: 1e-2 } });
    let last = {};
    for (let step = 0; step < 3; step++) {
      last = await trainer.train([{ prefix: ids.slice(0, 4), completion: ids.slice(4) }]);
      const pass = await result('forward_backward', {
        model_id: byEntropy,
        forward_backward_input: { data: [datum({ weights })], loss_fn: 'cross_entropy' },
      });
      expect((pass['metrics'] as Json)['loss:sum']).toBeCloseTo((last as { readonly loss: number }).loss, 5);
      const [logprobs = []] = logProbsOf(
        await result('forward', {
          model_id: byRatio,
          forward_input: { data: [datum({ weights })], loss_fn: 'cross_entropy' },
        }),
      );
      await result('forward_backward', {
        model_id: byRatio,
        forward_backward_input: { data: [datum({ logprobs, advantages: weights })], loss_fn: 'importance_sampling' },
      });
      for (const model of [byEntropy, byRatio]) await result('optim_step', { model_id: model, adam_params: adam });
    }
    const expected = await device.readAll(trainedPart(local).weights);
    for (const model of [byEntropy, byRatio]) {
      const { path } = await result('save_weights_for_sampler', { model_id: model, path: 'end' });
      const got = await adapterWeights(String(path));
      expect(Math.hypot(...got.map((x, i) => x - (expected[i] ?? NaN)))).toBeLessThan(1e-6 * Math.hypot(...expected));
    }
    await trainer.release();
    await local.close();
  });

  it('samples from the base and from saved weights by seed, and scores the prompt', async () => {
    const model = await openModel();
    await result('forward_backward', {
      model_id: model,
      forward_backward_input: { data: [datum({})], loss_fn: 'cross_entropy' },
    });
    await result('optim_step', { model_id: model, adam_params: { learning_rate: 0.1 } });
    const { path } = await result('save_weights_for_sampler', { model_id: model, path: 'sampled' });
    const ask = (from: Json): Promise<Json> =>
      result('asample', {
        num_samples: 2,
        prompt: { chunks: [{ tokens: ids }] },
        sampling_params: { max_tokens: 4, seed: 1 },
        prompt_logprobs: true,
        ...from,
      });
    const [plain, again, trained] = [
      await ask({ base_model: 'tiny' }),
      await ask({ base_model: 'tiny' }),
      await ask({ model_path: path }),
    ];
    expect(again).toEqual(plain);
    const scored = async (of: LanguageModel): Promise<readonly number[]> =>
      Array.from((await scoreCompletions(of, [{ prefix: ids.slice(0, 1), completion: ids.slice(1) }]))[0] ?? []);
    expect(plain['prompt_logprobs']).toEqual([null, ...(await scored(base))]);
    const worn = wearAdapter(base, await openAdapter(device, base.architecture, await download(String(path))));
    const [, ...rest] = trained['prompt_logprobs'] as readonly number[];
    (await scored(worn)).forEach((each, i) => expect(rest[i]).toBeCloseTo(each, 4));
    expect(trained['prompt_logprobs']).not.toEqual(plain['prompt_logprobs']);
  });

  it('does a request once that is sent twice, and goes back to a checkpoint with its optimizer', async () => {
    const model = await openModel();
    const pass = { data: [datum({})], loss_fn: 'cross_entropy' };
    const back = { model_id: model, seq_id: 1, forward_backward_input: pass };
    const [first, second] = [await json('forward_backward', back), await json('forward_backward', back)];
    expect(second['request_id']).toBe(first['request_id']);
    const step = { model_id: model, seq_id: 2, adam_params: adam };
    const [once, twice] = [await result('optim_step', step), await result('optim_step', step)];
    expect(twice).toEqual(once);
    const { path } = await result('save_weights', { model_id: model, path: 'state' });
    const look = (): Promise<Json> => result('forward', { model_id: model, forward_input: pass });
    const stepOn = async (): Promise<Json> => {
      await result('forward_backward', { model_id: model, forward_backward_input: pass });
      await result('optim_step', { model_id: model, adam_params: adam });
      return look();
    };
    const [before, after] = [await look(), await stepOn()];
    await result('load_weights', { model_id: model, path, optimizer: true });
    expect(await look()).toEqual(before);
    expect(await stepOn()).toEqual(after);
  });

  it('refuses who lacks the key, pages of other hosts, protobuf, and names that lead elsewhere', async () => {
    expect((await fetch(`${server.url}/api/v1/healthz`)).status).toBe(200);
    expect((await post('create_session', {}, { 'x-api-key': 'tml-other' })).status).toBe(401);
    const status = await new Promise((resolve) => {
      request(`${server.url}/api/v1/healthz`, { headers: { host: 'evil.example' } }, (answer) =>
        resolve(answer.resume().statusCode),
      ).end();
    });
    expect(status).toBe(403);
    const protobuf = await post('forward_backward', {}, { 'content-type': 'application/x-protobuf' });
    expect([protobuf.status, await protobuf.text()]).toEqual([415, expect.stringMatching(/tinker<0\.25/)]);
    const model = await openModel();
    const led = await result('save_weights', { model_id: model, path: '../../x' });
    expect(led).toMatchObject({ category: 'user', error: expect.stringMatching(/letters, digits/) as string });
    expect((await post('load_weights', { model_id: model, path: 'tinker://a/weights/..' })).status).toBe(400);
  });

  it('gives the place of a model to another only where its client has gone', async () => {
    const clock = manualClock();
    const small = await serveTinker(base, { name: 'tiny', token: null, maxModels: 1, clock });
    const ask = async (path: string, body: Json): Promise<Json> => {
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(`${small.url}/api/v1/${path}`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      });
      return (await answer.json()) as Json;
    };
    const create = async (): Promise<Json> => {
      const { session_id: session } = await ask('create_session', {});
      const taken = await ask('create_model', { session_id: session, base_model: 'tiny', lora_config: { rank: 1 } });
      return taken['request_id'] === undefined ? taken : ask('retrieve_future', { request_id: taken['request_id'] });
    };
    const first = await create();
    expect(JSON.stringify(await create())).toMatch(/too_many_models/);
    clock.advance(400_000);
    const second = await create();
    expect(second['model_id']).toMatch(/^session-/);
    expect(JSON.stringify(await ask('get_info', { model_id: first['model_id'] }))).toMatch(/unknown_model/);
    expect(small.counts()).toEqual({ models: 1, waiting: 0 });
    await small.close();
  });

  it('names what it does not know or compute', async () => {
    const model = await openModel();
    const answer = async (path: string, body: Json): Promise<readonly [number, string]> => {
      const response = await post(path, body);
      return [response.status, await response.text()];
    };
    const pass = (input: Json): Json => ({ model_id: model, forward_backward_input: input });
    expect(await answer('unload_model', { model_id: 'gone' })).toEqual([404, expect.stringMatching(/no model gone/)]);
    expect(await answer('retrieve_future', { request_id: '77777' })).toEqual([410, expect.any(String)]);
    expect(await answer('forward_backward', pass({ data: [datum({})], loss_fn: 'dro' }))).toEqual([
      400,
      expect.stringMatching(/'dro' is not computed here/),
    ]);
    expect(
      await answer('forward_backward', pass({ data: [datum({ weights: [1] })], loss_fn: 'cross_entropy' })),
    ).toEqual([400, expect.stringMatching(/weights has 1 numbers, and there are 5 tokens/)]);
    expect(
      await answer('forward_backward', pass({ data: [datum({}, [97, 9999, 98])], loss_fn: 'cross_entropy' })),
    ).toEqual([400, expect.stringMatching(/264 tokens, not 9999/)]);
    await result('unload_model', { model_id: model });
    expect((await answer('get_info', { model_id: model }))[0]).toBe(404);
  });
});
