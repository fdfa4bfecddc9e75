import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { BudgetError, ConfigError, InterruptedError, TargetError } from '../base/errors.js';
import { askAll } from './askAll.js';
import { openEndpoint } from './endpoint.js';
import {
  type Behaviour,
  chatAnswer,
  completionAnswer,
  type FakeServer,
  fakeServer,
  sendJson,
} from './testing/fakeServer.js';
import type { ChatRequest, Endpoint, EndpointOptions } from './types.js';

const request: ChatRequest = {
  messages: [{ role: 'user', content: 'hello' }],
  maxTokens: 8,
  temperature: 0.7,
  topP: 0.9,
  seed: 5,
};
const open: { close: () => unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

async function serving(
  behaviour: Behaviour,
  changes: Partial<EndpointOptions> = {},
): Promise<{ server: FakeServer; endpoint: Endpoint }> {
  const server = await fakeServer(behaviour);
  const endpoint = openEndpoint({
    model: 'small',
    baseUrl: server.url,
    apiKeyEnv: null,
    timeoutMs: 10_000,
    retries: 2,
    concurrency: 4,
    requestsPerMinute: null,
    cacheDir: null,
    prices: null,
    ...changes,
  });
  open.push(endpoint, server);
  return { server, endpoint };
}
const endpointOptions = (baseUrl: string): EndpointOptions => ({
  model: 'small',
  baseUrl,
  apiKeyEnv: null,
  timeoutMs: 5000,
  retries: 0,
  concurrency: 1,
  requestsPerMinute: null,
  cacheDir: null,
  prices: null,
});
const answering =
  (answer: unknown): Behaviour =>
  (_, response) =>
    sendJson(response, answer);
const failing = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error as Error,
  );

describe('an endpoint', () => {
  it('asks for what the request says, with the key in one header, and counts tokens and dollars', async () => {
    const { server, endpoint } = await serving(answering(chatAnswer('hi there')), {
      apiKeyEnv: 'TEST_KEY',
      environment: { TEST_KEY: 'sesame' },
      prices: { input: 1, output: 10 },
      extraBody: { top_k: 3 },
    });
    expect(await endpoint.chat({ ...request, stop: ['\n'] })).toEqual({
      kind: 'reply',
      text: 'hi there',
      reasoning: null,
      finishReason: 'stop',
      tokens: null,
      completionTokens: 3,
      filtered: false,
    });
    expect(server.received[0]).toMatchObject({
      path: '/v1/chat/completions',
      headers: { authorization: 'Bearer sesame' },
      body: {
        model: 'small',
        messages: request.messages,
        max_tokens: 8,
        temperature: 0.7,
        top_p: 0.9,
        seed: 5,
        stop: ['\n'],
        top_k: 3,
        stream: false,
      },
    });
    expect(endpoint.usage()).toEqual({
      requests: 1,
      cachedRequests: 0,
      promptTokens: 10,
      cachedPromptTokens: 0,
      cachedCompletionTokens: 0,
      completionTokens: 3,
      cost: (10 * 1 + 3 * 10) / 1e6,
    });
  });

  it('variables of the openai client in the environment change neither address nor headers', async () => {
    const [base, custom, key] = ['OPENAI_BASE_URL', 'OPENAI_CUSTOM_HEADERS', 'OPENAI_API_KEY'] as const;
    Object.assign(process.env, { [base]: 'http://127.0.0.1:1/', [custom]: 'x-leak: 1', [key]: 'other' });
    try {
      const { server, endpoint } = await serving(answering(chatAnswer('hi')));
      await endpoint.chat(request);
      expect(server.received[0]?.headers).not.toHaveProperty('authorization');
      expect(server.received[0]?.headers).not.toHaveProperty('x-leak');
    } finally {
      for (const name of [base, custom, key]) delete process.env[name];
    }
  });

  it('an empty variable for the key is refused before anything is asked, and so is an address with a password', () => {
    const options = {
      model: 'm',
      baseUrl: 'http://127.0.0.1:1/v1',
      apiKeyEnv: 'NO_KEY',
      environment: {},
      timeoutMs: 1,
      retries: 0,
      concurrency: 1,
      requestsPerMinute: null,
      cacheDir: null,
      prices: null,
    };
    expect(() => openEndpoint(options)).toThrow(/NO_KEY/);
    expect(() => openEndpoint({ ...options, apiKeyEnv: null, baseUrl: 'http://me:secret@127.0.0.1/v1' })).toThrow(
      ConfigError,
    );
    expect(() => openEndpoint({ ...options, apiKeyEnv: null, baseUrl: 'localhost:8000' })).toThrow(ConfigError);
  });

  it('log-probabilities of chats and of completions come back token by token, alternatives best first', async () => {
    const content = [
      {
        token: 'hi',
        logprob: -0.5,
        top_logprobs: [
          { token: 'hi', logprob: -0.5 },
          { token: 'ho', logprob: -1 },
        ],
      },
    ];
    const chat = await serving(
      answering(
        chatAnswer('hi', {
          choices: [{ finish_reason: 'length', message: { content: 'hi' }, logprobs: { content } }],
          usage: null,
        }),
      ),
    );
    expect(await chat.endpoint.chat({ ...request, topLogProbs: 2 })).toMatchObject({
      finishReason: 'length',
      tokens: [
        {
          text: 'hi',
          logProb: -0.5,
          top: [
            { text: 'hi', logProb: -0.5 },
            { text: 'ho', logProb: -1 },
          ],
        },
      ],
    });
    expect(chat.server.received[0]?.body).toMatchObject({ logprobs: true, top_logprobs: 2 });
    const logprobs = {
      tokens: [' a'],
      token_logprobs: [-0.25],
      top_logprobs: [{ ' b': -3, ' a': -0.25 }],
      text_offset: [5],
    };
    const completion = await serving(
      answering(completionAnswer(' a', { choices: [{ finish_reason: 'stop', text: ' a', logprobs }], usage: null })),
    );
    expect(await completion.endpoint.complete({ ...request, prompt: 'hello', topLogProbs: 2 })).toMatchObject({
      tokens: [{ text: ' a', logProb: -0.25, top: [{ text: ' a' }, { text: ' b' }] }],
    });
  });

  it('a model of another name, too many tokens, a wrong count and an impossible log-probability are refused', async () => {
    const tokens = (...logprob: unknown[]): unknown => ({
      content: logprob.map((each) => ({ token: 'x', logprob: each })),
    });
    const choice = (changes: object): Record<string, unknown> => ({
      choices: [{ finish_reason: 'stop', message: { content: 'x' }, ...changes }],
    });
    const cases: readonly (readonly [unknown, RegExp])[] = [
      [chatAnswer('x', { model: 'large' }), /another model answers/],
      [chatAnswer('x', { usage: { prompt_tokens: 1, completion_tokens: 10 } }), /more tokens than were asked for/],
      [chatAnswer('x', choice({ logprobs: tokens(-1) })), /log-probabilities of another number/],
      [chatAnswer('x', choice({ logprobs: tokens(-1, 0.5, -1) })), /cannot be one/],
      [chatAnswer('x', choice({ logprobs: tokens(-1, null, -1) })), /another form/],
      [[1, 2], /another form/],
    ];
    for (const [answer, message] of cases) {
      const { server, endpoint } = await serving(answering(answer));
      const error = await failing(endpoint.chat({ ...request, topLogProbs: 0 }));
      expect(error).toBeInstanceOf(TargetError);
      expect(error.message).toMatch(message);
      expect(server.received).toHaveLength(1);
    }
  });

  it('dates, revisions and folders in the name of the model are no other model; servedAs settles the rest', async () => {
    for (const [model, said] of [
      ['gpt-x', 'gpt-x-2025-01-31'],
      ['org/name', 'org/name@main'],
      ['/models/name', 'name'],
      ['llama3', 'llama3:latest'],
    ] as const) {
      const { endpoint } = await serving(answering(chatAnswer('x', { model: said })), { model });
      expect(await endpoint.chat(request)).toMatchObject({ text: 'x' });
    }
    const mini = await serving(answering(chatAnswer('x', { model: 'gpt-x-mini' })), { model: 'gpt-x' });
    expect((await failing(mini.endpoint.chat(request))).message).toContain('servedAs');
    const { endpoint } = await serving(answering(chatAnswer('x', { model: 'whatever.gguf' })), {
      servedAs: 'whatever.gguf',
    });
    expect(await endpoint.chat(request)).toMatchObject({ text: 'x' });
  });

  it('fields that a server refuses go another way, once and for all', async () => {
    const notices: string[] = [];
    const { server, endpoint } = await serving(
      ({ body }, response) => {
        if ('max_tokens' in body)
          sendJson(response, { error: { message: "Unsupported parameter: use 'max_completion_tokens'" } }, 400);
        else if ('seed' in body) sendJson(response, { detail: 'extra fields not permitted: seed' }, 422);
        else sendJson(response, chatAnswer('x'));
      },
      { onNotice: (text) => notices.push(text) },
    );
    await endpoint.chat(request);
    await endpoint.chat(request);
    expect(server.received).toHaveLength(4);
    expect(server.received[3]?.body).toMatchObject({ max_completion_tokens: 8 });
    expect(notices).toHaveLength(1);
  });
});

describe('what a server does not take', () => {
  const without =
    (...fields: readonly string[]): Behaviour =>
    ({ body }, response, index) => {
      const field = fields.find((name) => name in body);
      if (field === undefined) return sendJson(response, chatAnswer(`answer ${index}`));
      return sendJson(
        response,
        { error: { message: `Unsupported parameter: '${fields[0] ?? ''}'`, param: field } },
        400,
      );
    };

  it('is learnt of temperature and top_p, also where the message names the first alone', async () => {
    const notices: string[] = [];
    const { server, endpoint } = await serving(without('temperature', 'top_p'), {
      onNotice: (text) => notices.push(text),
    });
    await endpoint.chat(request);
    expect(server.received.at(-1)?.body).not.toHaveProperty('temperature');
    expect(server.received).toHaveLength(3);
    expect(notices).toHaveLength(2);
  });

  it('is learnt of one of two', async () => {
    const { server, endpoint } = await serving(({ body }, response) =>
      'temperature' in body && 'top_p' in body
        ? sendJson(response, { error: { message: 'temperature and top_p cannot both be specified' } }, 400)
        : sendJson(response, chatAnswer('x')),
    );
    await endpoint.chat(request);
    expect(server.received.at(-1)?.body).toHaveProperty('temperature', 0.7);
  });

  it('is no value out of range: that ends the work', async () => {
    const { endpoint } = await serving((_, response) =>
      sendJson(response, { error: { message: 'temperature must be at most 0.5' } }, 400),
    );
    await expect(endpoint.chat(request)).rejects.toThrow(/at most 0.5/);
  });

  it('is learnt of answers in one piece: the stream is read', async () => {
    const { endpoint } = await serving(({ body }, response) => {
      if (body['stream'] !== true) return sendJson(response, { error: { message: 'stream must be true' } }, 400);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      return response.end('data: {"choices":[{"delta":{"content":"go"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n');
    });
    expect(await endpoint.chat(request)).toMatchObject({ text: 'go', finishReason: 'stop' });
  });

  it('leaves the draw in the question: two seeds are two answers, and each of them is kept', async () => {
    const cacheDir = mkdtempSync(join(tmpdir(), 'gadfly-draws-'));
    const { endpoint } = await serving(without('seed'), { cacheDir });
    const texts: unknown[] = [];
    for (const seed of [1, 2, 1]) texts.push(await endpoint.chat({ ...request, seed }));
    expect(texts[0]).not.toEqual(texts[1]);
    expect(texts[2]).toEqual(texts[0]);
    expect(endpoint.usage()).toMatchObject({ requests: 2, cachedRequests: 1 });
  });
});

describe('an address', () => {
  it('keeps its query behind the path, which no message shows', async () => {
    const { server, endpoint } = await serving((_, response) => sendJson(response, { error: 'none' }, 404));
    const open = openEndpoint({ ...endpointOptions(`${server.url}/?version=7`) });
    const error = await failing(open.chat(request));
    expect(server.received[0]?.path).toBe('/v1/chat/completions?version=7');
    expect(error.message).not.toContain('version=7');
    endpoint.close();
  });

  it('takes a key from the environment, which stands in no message and no reply', async () => {
    const { server } = await serving(({ path }, response) => sendJson(response, chatAnswer(`you asked ${path}`)));
    const open = openEndpoint({
      ...endpointOptions(`${server.url}?key={{env:TEST_KEY}}`),
      environment: { TEST_KEY: 'pass-word-42' },
    });
    expect(server.received).toHaveLength(0);
    expect(await open.chat(request)).toMatchObject({ text: 'you asked /v1/chat/completions?key=[redacted]' });
    expect(server.received[0]?.path).toContain('?key=pass-word-42');
  });

  it.each(['http://h/v1?api_key=abc', 'http://h/v1#part', 'http://h/{{place}}/v1', 'http://me:pw@h/v1'])(
    'is refused without being shown: %s',
    (baseUrl) => {
      const opening = (): unknown => openEndpoint(endpointOptions(baseUrl));
      expect(opening).toThrow(ConfigError);
      expect(opening).not.toThrow(/=abc|#part|me:pw/);
    },
  );
});

describe('a prompt that the server refuses for itself', () => {
  const refusing =
    (said: unknown, status = 400): Behaviour =>
    ({ body }, response) =>
      JSON.stringify(body['messages']).includes('hello')
        ? sendJson(response, said, status)
        : sendJson(response, chatAnswer('x'));

  it.each([
    ['promptContent', { error: { code: 'content_filter', message: 'Blocked.' } }, 400],
    ['promptContent', { error: { message: 'Your input was flagged by our moderation' } }, 403],
    [
      'promptLength',
      { error: { message: 'This model’s maximum context length is 64 tokens; seed your chat anew' } },
      400,
    ],
    ['promptLength', { detail: 'Input is too long for the requested model.' }, 422],
    ['promptLength', 'too much', 413],
    ['promptContent', { error: { code: 'content_filter', message: 'Blocked.' } }, 200],
  ])('costs its own reply: %s of %j', async (cause, said, status) => {
    const { server, endpoint } = await serving(refusing(said, status));
    expect(await endpoint.chat(request)).toMatchObject({ kind: 'noReply', cause });
    const other = { ...request, messages: [{ role: 'user' as const, content: 'good day' }] };
    expect(await endpoint.chat(other)).toMatchObject({ kind: 'reply' });
    expect(server.received[1]?.body).toHaveProperty('seed'); // A word of the message is no field that was refused.
    expect(server.received).toHaveLength(2);
  });

  it('is no other refusal, which ends the work', async () => {
    const { endpoint } = await serving(refusing({ error: { message: 'model is required' } }));
    await expect(endpoint.chat(request)).rejects.toThrow(/refuses the request/);
  });

  it('has no scores', async () => {
    const { endpoint } = await serving(
      ({ body }, response) =>
        sendJson(
          response,
          body['prompt'] === 'hello' ? { error: 'prompt is too long' } : completionAnswer('x'),
          body['prompt'] === 'hello' ? 400 : 200,
        ),
      { promptLogProbs: 'vllm' },
    );
    expect(await endpoint.promptLogProbs({ kind: 'text', prompt: 'hello' })).toBeNull();
  });
});

describe('an error in the body of an answer with status 200', () => {
  it.each([
    [{ error: { message: 'the engine died', code: 503 } }],
    [{ error: 'the engine died', choices: [] }],
    [{ object: 'error', message: 'the engine died', code: 500 }],
    [chatAnswer('', { choices: [{ message: { content: '' }, finish_reason: 'error' }] })],
    [chatAnswer('', { choices: [{ message: { content: 'hal' }, error: { message: 'cut off' } }] })],
  ])('is a failure of the server, and is asked again: %j', async (said) => {
    const { server, endpoint } = await serving((_, response, index) =>
      sendJson(response, index === 0 ? said : chatAnswer('x')),
    );
    expect(await endpoint.chat(request)).toMatchObject({ text: 'x' });
    expect(server.received).toHaveLength(2);
  });

  it.each([
    ['an error after its first pieces', 'data: {"error":{"message":"the engine died"}}\n\n'],
    ['no end', ''],
  ])('or a stream with %s is asked again: half a text is no reply', async (_, end) => {
    const { server, endpoint } = await serving((__, response, index) => {
      if (index > 0) return sendJson(response, chatAnswer('whole'));
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      return response.end(`data: {"choices":[{"delta":{"content":"ha"}}]}\n\n${end}`);
    });
    expect(await endpoint.chat(request)).toMatchObject({ text: 'whole' });
    expect(server.received).toHaveLength(2);
  });
});

it('a long body that is not compressed as its header says ends with the time limit, not never', async () => {
  const behaviour: Behaviour = (_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' });
    response.end('[{"c'.repeat(20_000));
  };
  const { endpoint } = await serving(behaviour, { timeoutMs: 1500, retries: 0 });
  await expect(endpoint.chat(request)).rejects.toThrow(/no answer in time|connection broke/);
});

describe('the scores of a prompt', () => {
  const vllm: Behaviour = ({ body }, response) => {
    const scored =
      body['prompt_logprobs'] === 0
        ? {
            prompt_logprobs: [
              null,
              { '11': { logprob: -1, rank: 1, decoded_token: ' a' } },
              { '2': { logprob: -2, rank: 4, decoded_token: 'b' } },
            ],
          }
        : {};
    const text = 'prompt' in body;
    sendJson(
      response,
      text
        ? completionAnswer('x', { choices: [{ finish_reason: 'length', text: 'x', ...scored }] })
        : chatAnswer('x', scored),
    );
  };
  const echo: Behaviour = ({ body }, response) => {
    if ('prompt_logprobs' in body)
      return sendJson(response, { error: { message: 'unknown field prompt_logprobs' } }, 400);
    const prompt = body['prompt'] as string;
    const logprobs = { tokens: [prompt.slice(0, 3), prompt.slice(3), ' new'], token_logprobs: [null, -4, -1] };
    return sendJson(
      response,
      completionAnswer(`${prompt} new`, {
        choices: [
          { finish_reason: 'length', text: `${prompt} new`, logprobs: body['echo'] === true ? logprobs : null },
        ],
      }),
    );
  };
  const ask = { kind: 'text', prompt: 'the a' } as const;

  it('are read from prompt_logprobs, of texts and of chats', async () => {
    const { endpoint } = await serving(vllm);
    const expected = [
      { text: '', logProb: null },
      { text: ' a', logProb: -1 },
      { text: 'b', logProb: -2 },
    ];
    expect(await endpoint.promptLogProbs(ask)).toEqual(expected);
    expect(await endpoint.promptLogProbs({ kind: 'chat', messages: request.messages })).toEqual(expected);
  });

  it('are read from an echo where prompt_logprobs is refused, without the token that was generated', async () => {
    const { endpoint, server } = await serving(echo);
    expect(await endpoint.promptLogProbs(ask)).toEqual([
      { text: 'the', logProb: null },
      { text: ' a', logProb: -4 },
    ]);
    await endpoint.promptLogProbs(ask);
    expect(server.received).toHaveLength(4); // Two to find out, then one each.
  });

  it('are null where a server ignores the wish, and for chats where it only has the echo', async () => {
    const ignoring = await serving(({ body }, response) =>
      sendJson(response, 'prompt' in body ? completionAnswer('x') : chatAnswer('x')),
    );
    expect(await ignoring.endpoint.promptLogProbs(ask)).toBeNull();
    expect(await ignoring.endpoint.promptLogProbs({ kind: 'chat', messages: request.messages })).toBeNull();
    const told = await serving(echo, { promptLogProbs: 'echo' });
    expect(await told.endpoint.promptLogProbs({ kind: 'chat', messages: request.messages })).toBeNull();
    expect(told.server.received).toHaveLength(0);
  });

  it('a server that refuses the key is no server without scores', async () => {
    const { endpoint } = await serving((_, response) => sendJson(response, { error: 'no' }, 401));
    await expect(endpoint.promptLogProbs(ask)).rejects.toThrow(/refuses the key/);
  });
});

describe('a server that fails', () => {
  it('is asked again after 429, 500, a broken connection and a stalled body, within bounds', async () => {
    const { server, endpoint } = await serving(
      (_, response, index) => {
        if (index === 0) return sendJson(response, { error: { message: 'slow down' } }, 429, { 'retry-after': '0' });
        if (index === 1) return sendJson(response, 'oh', 500, { 'retry-after-ms': '1' });
        if (index === 2) {
          response.writeHead(200, { 'content-length': '1000' });
          response.write('{"id":');
          return setTimeout(() => response.destroy(), 20);
        }
        if (index === 3) {
          response.writeHead(200, { 'content-type': 'application/json' });
          return response.write('{"id":'); // And never another byte.
        }
        return sendJson(response, chatAnswer('at last'));
      },
      { retries: 4, timeoutMs: 700 },
    );
    expect(await endpoint.chat(request)).toMatchObject({ text: 'at last' });
    expect(server.received).toHaveLength(5);
    expect(endpoint.usage().requests).toBe(1);
  });

  it('and goes on failing is given up after the retries, with what it said', async () => {
    const { server, endpoint } = await serving((_, response) =>
      sendJson(response, { error: { message: 'out of memory' } }, 503, { 'retry-after': '0' }),
    );
    const error = await failing(endpoint.chat(request));
    expect(error).toBeInstanceOf(TargetError);
    expect(error.message).toMatch(/3 attempts[\s\S]*HTTP 503.*out of memory/);
    expect(server.received).toHaveLength(3);
  });

  it('and asks to wait an hour is not waited for, and the message says so', async () => {
    const { server, endpoint } = await serving((_, response) => sendJson(response, {}, 429, { 'retry-after': '3600' }));
    expect((await failing(endpoint.chat(request))).message).toContain('asks to wait 3600 s');
    expect(server.received).toHaveLength(1);
  });

  it('refuses, is not there or sends us elsewhere is not asked again', async () => {
    const statuses: readonly (readonly [number, RegExp])[] = [
      [401, /refuses the key[\s\S]*TEST_KEY/],
      [403, /refuses the key/],
      [404, /no such path or model/],
      [400, /refuses the request/],
      [302, /sends us elsewhere/],
    ];
    for (const [status, message] of statuses) {
      const { server, endpoint } = await serving(
        (_, response) =>
          sendJson(response, { error: { message: 'your key sesame is bad' } }, status, {
            location: 'http://example.org/',
          }),
        {
          apiKeyEnv: 'TEST_KEY',
          environment: { TEST_KEY: 'sesame' },
        },
      );
      const error = await failing(endpoint.chat(request));
      expect(error.message).toMatch(message);
      expect(error.message).not.toContain('sesame');
      expect(server.received).toHaveLength(1);
    }
    const gone = await serving(answering({}));
    await gone.server.close();
    expect((await failing(gone.endpoint.chat(request))).message).toMatch(/nothing listens[\s\S]*ECONNREFUSED/);
  });

  it('answers with something else than JSON is refused, NaN by name', async () => {
    for (const [body, message] of [
      ['<html>', /not JSON[\s\S]*<html>/],
      ['', /not JSON[\s\S]*nothing/],
      ['{"choices": [', /not JSON/],
      ['{"x": NaN}', /NaN or Infinity/],
    ] as const) {
      const { server, endpoint } = await serving((_, response) => response.end(body));
      const error = await failing(endpoint.chat(request));
      expect(error).toBeInstanceOf(TargetError);
      expect(error.message).toMatch(message);
      expect(server.received).toHaveLength(1);
    }
  });
});

describe('many questions', () => {
  it('no more are in flight than concurrency allows, and answers keep their order', async () => {
    const { server, endpoint } = await serving(
      ({ body }, response) => void setTimeout(() => sendJson(response, chatAnswer(`n${String(body['seed'])}`)), 15),
      { concurrency: 3 },
    );
    const answers = await Promise.all(Array.from({ length: 12 }, (_, seed) => endpoint.chat({ ...request, seed })));
    expect(answers.map((answer) => answer.kind === 'reply' && answer.text)).toEqual(
      Array.from({ length: 12 }, (_, i) => `n${i}`),
    );
    expect(server.mostOpen()).toBe(3);
  });

  it('after a failure none is begun, and those in flight are kept', async () => {
    const cacheDir = mkdtempSync(join(tmpdir(), 'gadfly-cache-'));
    const { server, endpoint } = await serving(
      ({ body }, response) =>
        void setTimeout(
          () => (body['seed'] === 0 ? sendJson(response, {}, 404) : sendJson(response, chatAnswer('x'))),
          body['seed'] === 0 ? 5 : 60,
        ),
      { concurrency: 4, cacheDir },
    );
    await expect(askAll([0, 1, 2, 3, 4, 5, 6, 7], 4, (seed) => endpoint.chat({ ...request, seed }))).rejects.toThrow(
      TargetError,
    );
    expect(server.received).toHaveLength(4);
    await askAll([1, 2, 3], 4, (seed) => endpoint.chat({ ...request, seed }));
    expect(server.received).toHaveLength(4);
  });

  it('a budget ends the work before the next request goes out', async () => {
    let asked = 0;
    const { server, endpoint } = await serving(answering(chatAnswer('x')), {
      beforeRequest: () => {
        if (++asked > 3) throw new BudgetError('enough');
      },
    });
    await expect(askAll([...Array(9).keys()], 1, (seed) => endpoint.chat({ ...request, seed }))).rejects.toThrow(
      BudgetError,
    );
    expect(server.received).toHaveLength(3);
  });

  it('being asked to stop breaks off what is in flight and what waits', async () => {
    const stop = new AbortController();
    const { endpoint } = await serving(
      (_, response, index) => {
        if (index === 1) stop.abort();
        else if (index > 1) sendJson(response, {}, 500);
      },
      { signal: stop.signal, concurrency: 2 },
    );
    await expect(askAll([0, 1, 2, 3], 2, (seed) => endpoint.chat({ ...request, seed }))).rejects.toThrow(
      InterruptedError,
    );
    await expect(endpoint.chat(request)).rejects.toThrow(InterruptedError);
  });
});

describe('the cache of answers', () => {
  it('answers an equal question once more without the server; another seed, model or text is another question', async () => {
    const cacheDir = mkdtempSync(join(tmpdir(), 'gadfly-cache-'));
    const { server, endpoint } = await serving(answering(chatAnswer('x')), { cacheDir });
    const first = await endpoint.chat(request);
    expect(await endpoint.chat(request)).toEqual(first);
    expect(endpoint.usage()).toMatchObject({ requests: 1, cachedRequests: 1, promptTokens: 10 });
    await endpoint.chat({ ...request, seed: 6 });
    await endpoint.chat({ ...request, messages: [{ role: 'user', content: 'other' }] });
    const other = openEndpoint({
      model: 'small',
      extraBody: { a: 1 },
      baseUrl: server.url,
      apiKeyEnv: null,
      timeoutMs: 5000,
      retries: 0,
      concurrency: 1,
      requestsPerMinute: null,
      cacheDir,
      prices: null,
    });
    await other.chat(request);
    expect(server.received).toHaveLength(4);
  });

  it('keeps no key and no bad answer, and a damaged file is asked for anew', async () => {
    const cacheDir = mkdtempSync(join(tmpdir(), 'gadfly-cache-'));
    const { server, endpoint } = await serving(
      (_, response, index) => sendJson(response, index === 0 ? chatAnswer('x', { model: 'liar' }) : chatAnswer('x')),
      {
        cacheDir,
        apiKeyEnv: 'TEST_KEY',
        environment: { TEST_KEY: 'sesame' },
      },
    );
    await failing(endpoint.chat(request));
    expect(readdirSync(cacheDir)).toEqual([]);
    await endpoint.chat(request);
    const [folder = ''] = readdirSync(cacheDir);
    const [name = ''] = readdirSync(join(cacheDir, folder));
    const file = join(cacheDir, folder, name);
    expect(readFileSync(file, 'utf8')).not.toContain('sesame');
    writeFileSync(file, readFileSync(file, 'utf8').slice(0, -5));
    await endpoint.chat(request);
    expect(server.received).toHaveLength(3);
  });
});
