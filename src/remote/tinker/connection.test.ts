/** The client against a server that does what a test says. */
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { TargetError } from '../../base/errors.js';
import { type FakeServer, fakeServer, type Received, sendJson } from '../testing/fakeServer.js';
import { openTinkerConnection, type TinkerConnection, type TinkerConnectionOptions } from './connection.js';
import { LostModelError } from './lostModel.js';
import { openTinkerModel } from './model.js';

const key = 'tml-abcdef0123456789';
const schema = z.looseObject({ done: z.number() });
const lesson = { inputs: [1, 2], targets: [2, 3], logProbs: [-1, -1], advantages: [0, 1] };
const adam = { learning_rate: 1, beta1: 0.9, beta2: 0.9, eps: 1, weight_decay: 0, grad_clip_norm: 0 };

type Answer = { readonly status?: number; readonly body: unknown };

describe('a server of the Tinker protocol', () => {
  const opened: { readonly server: FakeServer; readonly connection: TinkerConnection }[] = [];
  afterEach(async () => {
    for (const { server, connection } of opened.splice(0)) {
      connection.close();
      await server.close();
    }
  });

  /** @param answer by the last part of the path, and how often it was asked before */
  const open = async (
    answer: (name: string, times: number, request: Received) => Answer,
    options: Partial<TinkerConnectionOptions> = {},
  ): Promise<{
    readonly server: FakeServer;
    readonly connection: TinkerConnection;
    readonly names: () => string[];
  }> => {
    const counts = new Map<string, number>();
    const server = await fakeServer((request, response) => {
      const name = request.path.replace(/^.*\//, '');
      const times = counts.get(name) ?? 0;
      counts.set(name, times + 1);
      const { status = 200, body } = answer(name, times, request);
      sendJson(response, body, status, { 'retry-after-ms': '1' });
    });
    const connection = openTinkerConnection({
      baseUrl: server.url.replace(/\/v1$/, ''),
      apiKeyEnv: 'TINKER_KEY',
      environment: { TINKER_KEY: key },
      timeoutMs: 5000,
      retries: 2,
      requestsPerMinute: null,
      prices: { forward: 1, train: 3 },
      ...options,
    });
    const names = (): string[] =>
      server.received.map(({ path }) => path.replace(/^.*\//, '')).filter((name) => !/heartbeat|unload/.test(name));
    opened.push({ server, connection });
    return { server, connection, names };
  };
  /** A server that opens sessions and models; `answer` is asked first. */
  const trainer =
    (answer: (name: string, times: number) => Answer | null) =>
    (name: string, times: number): Answer =>
      answer(name, times) ?? {
        body:
          name === 'create_session'
            ? { session_id: 's' }
            : name === 'create_model'
              ? { model_id: `m${String(times)}` }
              : { path: 'tinker://m/weights/x' },
      };
  const asked = { baseModel: 'b', rank: 2, seed: 1, note: () => undefined };

  it('is asked for a result until it is there, with the key in its own header, and tokens are counted', async () => {
    const spent: unknown[] = [];
    const { server, connection } = await open(
      (name, times) =>
        name === 'forward'
          ? { body: { request_id: '7' } }
          : times === 0
            ? { status: 408, body: {} }
            : { body: times === 1 ? { type: 'try_again' } : { done: 1 } },
      { onAnswer: (answer) => spent.push(answer) },
    );
    const tokens = { forward: 1000, train: 2000 };
    expect(await connection.ask({ path: 'forward', body: {}, schema, tokens })).toEqual({ done: 1 });
    expect(server.received.map(({ path }) => path)).toEqual([
      '/api/v1/forward',
      ...Array.from({ length: 3 }, () => '/api/v1/retrieve_future'),
    ]);
    for (const { headers } of server.received) expect(headers['x-api-key']).toBe(key);
    expect(spent[0]).toEqual({ tokensRead: 1000, tokensGenerated: 2000, cost: 0.007 });
  });

  it('that refuses the key is not asked again, and the message names the variable alone', async () => {
    const { server, connection } = await open(() => ({ status: 401, body: { error: `no such key ${key}` } }));
    const error: unknown = await connection
      .ask({ path: 'create_session', body: {}, schema })
      .catch((each: unknown) => each);
    expect(error).toBeInstanceOf(TargetError);
    expect(String(error)).toMatch(/refuses the key[^]*TINKER_KEY/);
    expect(String(error)).not.toContain(key);
    expect(server.received).toHaveLength(1);
  });

  it('that is busy is asked again, within bounds', async () => {
    const busy = await open((_name, times) => (times < 2 ? { status: 429, body: {} } : { body: { done: 2 } }));
    expect(await busy.connection.ask({ path: 'optim_step', body: {}, schema, changes: true })).toEqual({ done: 2 });
    const never = await open(() => ({ status: 503, body: {} }));
    await expect(never.connection.ask({ path: 'forward', body: {}, schema })).rejects.toThrow(/3 attempts/);
  });

  it('that fails at a call which changes the model is not asked twice: it may have done it', async () => {
    const { connection, names } = await open(() => ({ status: 500, body: {} }));
    await expect(connection.ask({ path: 'optim_step', body: {}, schema, changes: true })).rejects.toThrow(
      LostModelError,
    );
    expect(names()).toEqual(['optim_step']);
  });

  it('says what it could not do, without the key', async () => {
    const { connection } = await open(() => ({ body: { error: `out of memory at ${key}`, category: 'server' } }));
    const error: unknown = await connection.ask({ path: 'forward', body: {}, schema }).catch((each: unknown) => each);
    expect(String(error)).toMatch(/could not do it[^]*out of memory/);
    expect(String(error)).not.toContain(key);
  });

  it('that loses the model has it opened again from the last checkpoint, and what came since is done again', async () => {
    const { connection, names, server } = await open(
      trainer((name, times) => (name === 'optim_step' && times === 1 ? { status: 404, body: {} } : null)),
    );
    const model = await openTinkerModel(connection, asked);
    await model.save('x');
    await model.train([lesson], adam);
    await model.train([lesson], { ...adam, learning_rate: 2 });
    const step = ['forward_backward', 'optim_step'];
    const opening = ['create_session', 'create_model'];
    expect(names()).toEqual([
      ...opening,
      'save_weights',
      ...step,
      ...step,
      ...opening,
      'load_weights',
      ...step,
      ...step,
    ]);
    const rates = server.received.flatMap(({ path, body }) =>
      path.endsWith('optim_step') ? [(body['adam_params'] as typeof adam).learning_rate] : [],
    );
    expect(rates).toEqual([1, 2, 1, 2]);
    await model.close();
  });

  it('that loses it again and again is given up, with the reason', async () => {
    const { connection, names } = await open(
      trainer((name) => (name === 'forward' ? { status: 410, body: { detail: 'no such model' } } : null)),
    );
    const model = await openTinkerModel(connection, asked);
    await expect(model.forward([lesson])).rejects.toThrow(/no such model/);
    expect(names().filter((name) => name === 'forward')).toHaveLength(4);
    await model.close();
  });

  it('names archives elsewhere, which are fetched without the key, and by https alone', async () => {
    let other = '';
    const { connection, server } = await open((name) => ({
      body: name === 'archive' ? { url: other } : { at: 'home' },
    }));
    other = `${server.url.replace(/\/v1$/, '')}/file?signature=x`;
    expect(new TextDecoder().decode(await connection.archive('tinker://run/sampler_weights/n'))).toBe('{"at":"home"}');
    expect(server.received.map(({ path }) => path)).toEqual([
      '/api/v1/training_runs/run/checkpoints/sampler_weights/n/archive',
      '/file?signature=x',
    ]);
    other = 'http://127.0.0.2:9/file';
    await expect(connection.archive('tinker://run/sampler_weights/n')).rejects.toThrow(/does not say where/);
  });
});

it('a key that is not there, or an address that is none, is refused before anything is asked', () => {
  const options = { timeoutMs: 1, retries: 0, requestsPerMinute: null, prices: null, environment: {} };
  const opening = (baseUrl: string, apiKeyEnv: string | null) => () =>
    openTinkerConnection({ ...options, baseUrl, apiKeyEnv });
  expect(opening('http://127.0.0.1:1', 'TINKER_KEY')).toThrow(/environment variable for the key is empty/);
  expect(opening('ftp://127.0.0.1', null)).toThrow(/cannot be asked/);
});
