/** The endpoint on the organism over loopback, asked by the openai client and by bare HTTP. */
import { mkdtempSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI, { APIError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EnvironmentError } from '../base/errors.js';
import { streamKey } from '../base/random.js';
import { resolveModel } from '../engine/models/checkpoints/resolveModel.js';
import { generate } from '../engine/models/generate.js';
import { openLanguageModel, type LanguageModel } from '../engine/models/languageModel.js';
import { scoreCompletions } from '../engine/models/scoreCompletions.js';
import { openDevice, plainSampling, type Device } from '../engine/runtime/device.js';
import { parseChatTemplate } from '../engine/text/chatTemplate.js';
import { serveModel, type RunningServer } from './serveModel.js';

/** The organism speaks in lines; a template makes a chat model of it. */
const template = '{% for message in messages %}{{ message.content }}\n{% endfor %}';
const greeting = 'hello there.\n';
const talk = [{ role: 'user', content: 'hello there.' }] as const;

let device: Device;
let model: LanguageModel;
let server: RunningServer;
let client: OpenAI;
beforeAll(async () => {
  device = await openDevice();
  const resolved = await resolveModel('organism', {
    cacheDir: mkdtempSync(join(tmpdir(), 'gadfly-serve-')),
    offline: true,
  });
  if (resolved.kind !== 'local') throw new Error('the organism lies in the package');
  model = { ...(await openLanguageModel(device, resolved.path)), chatTemplate: parseChatTemplate(template, {}) };
  server = await serveModel(model, { name: 'organism', maxBodyBytes: 100_000 });
  client = clientOf(server);
});
afterAll(async () => {
  await server.close();
  await device.close();
});

function clientOf({ url, token }: RunningServer): OpenAI {
  return new OpenAI({ baseURL: url, apiKey: token ?? 'none', maxRetries: 0 });
}

interface Asked {
  readonly seed: number;
  readonly n?: number;
  /** Index of the prompt. */
  readonly index?: number;
  readonly maxNewTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
}

/** Returns what the library generates from the same seed. */
async function expected(
  prompt: string,
  { seed, n = 1, index = 0, maxNewTokens = 20, ...sampling }: Asked,
): Promise<readonly string[]> {
  const requests = Array.from({ length: n }, (_, k) => ({
    ids: model.tokenizer.encode(prompt),
    stream: streamKey(seed, 'generate', index, k),
  }));
  const outcomes = await generate(model, requests, {
    ...plainSampling,
    maxNewTokens,
    stopIds: model.tokenizer.endIds,
    ...sampling,
  });
  return outcomes.map(({ text }) => text);
}

const base = { model: 'organism', max_tokens: 20 } as const;

describe('the endpoint, asked by the openai client', () => {
  it('lists its model', async () => {
    expect((await client.models.list()).data.map(({ id }) => id)).toEqual(['organism']);
    expect((await client.models.retrieve('organism')).owned_by).toBe('gadfly');
  });

  it('completes what the library generates from the same seed, n choices each their own', async () => {
    const answer = await client.completions.create({
      ...base,
      prompt: greeting,
      seed: 5,
      n: 3,
      temperature: 0.9,
      top_p: 0.9,
    });
    expect(answer.choices.map(({ text }) => text)).toEqual(
      await expected(greeting, { seed: 5, n: 3, temperature: 0.9, topP: 0.9 }),
    );
    expect(new Set(answer.choices.map(({ text }) => text)).size).toBe(3);
    const ids = model.tokenizer.encode(greeting);
    expect(answer.usage?.prompt_tokens).toBe(ids.length);
    const again = await client.completions.create({
      ...base,
      prompt: ids,
      seed: 5,
      n: 3,
      temperature: 0.9,
      top_p: 0.9,
    });
    expect(again.choices.map(({ text }) => text)).toEqual(answer.choices.map(({ text }) => text));
  });

  it('answers a chat, whole and streamed, with the same text, role and usage', async () => {
    const question = { ...base, messages: [...talk], seed: 7 };
    const whole = await client.chat.completions.create(question);
    const text = whole.choices[0]?.message.content ?? '';
    expect([text]).toEqual(await expected(greeting, { seed: 7 }));
    let streamed = '';
    const [roles, ends]: [unknown[], unknown[]] = [[], []];
    let usage: unknown = null;
    let chunks = 0;
    for await (const chunk of await client.chat.completions.create({
      ...question,
      stream: true,
      stream_options: { include_usage: true },
    })) {
      const [choice] = chunk.choices;
      chunks += 1;
      streamed += choice?.delta.content ?? '';
      if (choice?.delta.role !== undefined) roles.push(choice.delta.role);
      if (choice?.finish_reason != null) ends.push(choice.finish_reason);
      usage = chunk.usage ?? usage;
    }
    expect(streamed).toBe(text);
    expect(chunks).toBeGreaterThan(4);
    expect(roles).toEqual(['assistant']);
    expect(ends).toEqual([whole.choices[0]?.finish_reason]);
    expect(usage).toEqual(whole.usage);
  });

  it('streams several prompts and choices at once, each as it is alone', async () => {
    const prompts = [greeting, 'do you sell nails?\n'];
    const texts = ['', '', '', ''];
    for await (const { choices } of await client.completions.create({
      ...base,
      prompt: prompts,
      n: 2,
      seed: 3,
      stream: true,
    })) {
      for (const { index, text } of choices) texts[index] += text;
    }
    const alone = await Promise.all(prompts.map((prompt, index) => expected(prompt, { seed: 3, n: 2, index })));
    expect(texts).toEqual(alone.flat());
  });

  it('draws anew without a seed', async () => {
    const ask = async (): Promise<string | undefined> =>
      (await client.completions.create({ ...base, prompt: greeting })).choices[0]?.text;
    const texts = await Promise.all(Array.from({ length: 6 }, ask));
    expect(new Set(texts).size).toBeGreaterThan(1);
  });

  it('ends before a stop text, which no chunk of a stream shows', async () => {
    const [full = ''] = await expected(greeting, { seed: 2, maxNewTokens: 40 });
    const stop = full.slice(9, 13);
    const question = { ...base, max_tokens: 40, prompt: greeting, seed: 2, stop: ['never said', stop] };
    const whole = await client.completions.create({ ...question, logprobs: 0 });
    const wanted = full.slice(0, full.indexOf(stop));
    expect(whole.choices[0]).toMatchObject({ text: wanted, finish_reason: 'stop' });
    expect(wanted.startsWith((whole.choices[0]?.logprobs?.tokens ?? []).slice(0, -1).join(''))).toBe(true);
    let streamed = '';
    for await (const { choices } of await client.completions.create({ ...question, stream: true })) {
      streamed += choices[0]?.text ?? '';
      expect(wanted.startsWith(streamed)).toBe(true);
    }
    expect(streamed).toBe(wanted);
  });

  it('sixteen at once get what each gets alone', async () => {
    const ask = async (seed: number): Promise<string> => {
      const prompt = seed % 2 === 0 ? greeting : 'is the shop open on sunday?\n';
      return (
        (await client.completions.create({ ...base, max_tokens: 30, prompt, seed, temperature: 0.8 })).choices[0]
          ?.text ?? ''
      );
    };
    const seeds = Array.from({ length: 16 }, (_, i) => i);
    const alone: string[] = [];
    for (const seed of seeds) alone.push(await ask(seed));
    expect(await Promise.all(seeds.map(ask))).toEqual(alone);
    expect(new Set(alone).size).toBeGreaterThan(4);
  });
});

describe('log-probabilities', () => {
  it('of an echoed prompt and what follows equal those of scoring', async () => {
    const question = { ...base, prompt: greeting, echo: true, logprobs: 2, seed: 1, return_token_ids: true };
    const [choice] = (await client.completions.create(question)).choices;
    const {
      tokens = [],
      token_logprobs: logProbs = [],
      top_logprobs: likeliest = [],
      text_offset: offsets = [],
    } = choice?.logprobs ?? {};
    const prompt = model.tokenizer.encode(greeting);
    const all = [...prompt, ...(choice as unknown as { token_ids: number[] }).token_ids];
    expect(tokens.join('')).toBe(choice?.text);
    const [scored] = await scoreCompletions(model, [{ prefix: all.slice(0, 1), completion: all.slice(1) }]);
    expect(logProbs[0]).toBeNull();
    logProbs.slice(1).forEach((value, t) => {
      expect(value).toBeCloseTo(scored?.[t] ?? NaN, 4);
    });
    offsets.forEach((offset, t) => {
      expect(choice?.text.startsWith(tokens[t] ?? '', offset)).toBe(true);
    });
    likeliest.slice(1).forEach((entry, t) => {
      expect(entry).toHaveProperty([tokens[t + 1] ?? '']);
      expect(Object.keys(entry ?? {}).length).toBeLessThanOrEqual(3);
    });
  });

  it('of a prompt alone come with max_tokens 0', async () => {
    const { choices } = await client.completions.create({
      ...base,
      max_tokens: 0,
      prompt: 'do you sell nails?',
      echo: true,
      logprobs: 0,
    });
    const ids = model.tokenizer.encode('do you sell nails?');
    const [scored] = await scoreCompletions(model, [{ prefix: ids.slice(0, 1), completion: ids.slice(1) }]);
    expect(choices[0]?.text).toBe('do you sell nails?');
    expect(choices[0]?.logprobs?.token_logprobs?.slice(1).map((value) => value.toFixed(4))).toEqual(
      Array.from(scored ?? [], (value) => value.toFixed(4)),
    );
  });

  it('of a chat come token by token, with the likeliest and their bytes', async () => {
    const answer = await client.chat.completions.create({
      ...base,
      messages: [...talk],
      seed: 2,
      max_tokens: 60,
      logprobs: true,
      top_logprobs: 3,
    });
    const content = answer.choices[0]?.logprobs?.content ?? [];
    expect(content.map(({ token }) => token).join('')).toBe(answer.choices[0]?.message.content);
    expect(answer.choices[0]?.finish_reason).toBe('stop');
    expect(answer.usage?.completion_tokens).toBe(content.length);
    for (const { token, bytes, logprob, top_logprobs: likeliest } of content) {
      expect(Buffer.from(bytes ?? []).toString()).toBe(token);
      expect(likeliest).toHaveLength(3);
      expect(likeliest.find((other) => other.token === token)?.logprob ?? logprob).toBe(logprob);
      expect(Math.max(...likeliest.map((other) => other.logprob))).toBeGreaterThanOrEqual(logprob);
    }
  });

  it('of the prompt come as vLLM gives them', async () => {
    interface Scored {
      readonly prompt_logprobs: readonly (Record<string, { logprob: number; rank: number | null }> | null)[];
    }
    const question = { ...base, max_tokens: 1, prompt: greeting, prompt_logprobs: 1 };
    const answer = await client.completions.create(question);
    const { prompt_logprobs: entries } = answer.choices[0] as unknown as Scored;
    const ids = model.tokenizer.encode(greeting);
    const [scored] = await scoreCompletions(model, [{ prefix: ids.slice(0, 1), completion: ids.slice(1) }]);
    expect(entries[0]).toBeNull();
    ids.slice(1).forEach((id, t) => {
      expect(entries[t + 1]?.[String(id)]?.logprob).toBeCloseTo(scored?.[t] ?? NaN, 4);
    });
    expect(entries.slice(1).every((entry) => Object.values(entry ?? {}).some(({ rank }) => rank === 1))).toBe(true);
  });
});

describe('what it refuses, in the form of OpenAI’s errors', () => {
  const ask = async (body: unknown, path = '/chat/completions'): Promise<APIError> => {
    const failure: unknown = await client
      .post(path, { body: body as Record<string, unknown> })
      .catch((error: unknown) => error);
    if (!(failure instanceof APIError)) throw new Error(`expected a refusal, got ${JSON.stringify(failure)}`);
    return failure;
  };
  const chat = { model: 'organism', messages: [...talk] };

  it.each([
    ['tools', { ...chat, tools: [{ type: 'function', function: { name: 'f' } }] }, 'tools', /not supported/],
    ['a response format', { ...chat, response_format: { type: 'json_object' } }, 'response_format', /not supported/],
    ['penalties', { ...chat, presence_penalty: 0.5 }, 'presence_penalty', /not supported/],
    [
      'images',
      { ...chat, messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
      'messages.0.content.0',
      /only text/,
    ],
    ['a tool’s message', { ...chat, messages: [{ role: 'tool', content: 'x' }] }, 'messages.0.role', /'tool'/],
    ['a field nobody knows', { ...chat, temprature: 1 }, 'temprature', /Unrecognized/],
    ['a number out of range', { ...chat, top_p: 1.5 }, 'top_p', /top_p/],
    ['five stops', { ...chat, stop: ['a', 'b', 'c', 'd', 'e'] }, 'stop', /stop/],
    ['no messages', { model: 'organism', messages: [] }, 'messages', /messages/],
    ['likeliest tokens without logprobs', { ...chat, top_logprobs: 2 }, 'top_logprobs', /logprobs: true/],
  ])('%s', async (_name, body, param, message) => {
    const failure = await ask(body);
    expect(failure.status).toBe(400);
    expect(failure.message).toMatch(message);
    expect(failure.param).toBe(param);
    expect(failure.type).toBe('invalid_request_error');
  });

  it('takes fields that ask for nothing', async () => {
    const neutral = {
      tools: [],
      response_format: { type: 'text' },
      presence_penalty: 0,
      logit_bias: null,
      user: 'me',
      n: null,
    };
    await expect(
      client.post('/chat/completions', { body: { ...chat, ...neutral, max_tokens: 1 } }),
    ).resolves.toMatchObject({ object: 'chat.completion' });
  });

  it('a prompt beyond the context, with its length', async () => {
    const failure = await ask({ model: 'organism', prompt: 'hello '.repeat(600) }, '/completions');
    expect(failure).toMatchObject({ status: 400, code: 'context_length_exceeded' });
    expect(failure.message).toMatch(/maximum context length is 512 tokens/);
    const long = 'hello '.repeat(15_000); // Refused by its beginning: the whole is not tokenised.
    for (const failure of [
      await ask({ model: 'organism', prompt: long }, '/completions'),
      await ask({ ...chat, messages: [{ role: 'user', content: long }] }),
    ]) {
      expect(failure).toMatchObject({ status: 400, code: 'context_length_exceeded' });
      expect(failure.message).toMatch(/has more than \d+/);
    }
    expect(await ask({ ...chat, max_tokens: 511 })).toMatchObject({ status: 400, code: 'context_length_exceeded' });
  });

  it('another model, an address that is not there, a token id outside the vocabulary', async () => {
    expect(await ask({ ...chat, model: 'other' })).toMatchObject({ status: 404, code: 'model_not_found' });
    expect(await ask({}, '/embeddings')).toMatchObject({ status: 404, code: 'not_found' });
    expect(await ask({ model: 'organism', prompt: [99_999] }, '/completions')).toMatchObject({
      status: 400,
      param: 'prompt',
    });
  });

  it('a wrong token, and none', async () => {
    await expect(
      new OpenAI({ baseURL: server.url, apiKey: 'wrong', maxRetries: 0 }).models.list(),
    ).rejects.toMatchObject({ status: 401, type: 'authentication_error' });
    expect((await fetch(`${server.url}/models`)).status).toBe(401);
  });

  it('a body that is too long, no JSON, or of another type', async () => {
    const post = (body: string, type: string): Promise<Response> =>
      fetch(`${server.url}/completions`, {
        method: 'POST',
        body,
        headers: { authorization: `Bearer ${server.token ?? ''}`, 'content-type': type },
      });
    expect(
      (await post(JSON.stringify({ model: 'organism', prompt: 'x'.repeat(200_000) }), 'application/json')).status,
    ).toBe(413);
    expect((await post('{"model":', 'application/json')).status).toBe(400);
    expect((await post('{}', 'text/plain')).status).toBe(415);
  });

  it('other hosts and pages of other origins', async () => {
    const status = (headers: Record<string, string>): Promise<number> =>
      new Promise((resolve, reject) => {
        request(`http://127.0.0.1:${server.port}/health`, { headers }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        })
          .on('error', reject)
          .end();
      });
    expect(await status({})).toBe(200);
    expect(await status({ host: `localhost:${server.port}` })).toBe(200);
    expect(await status({ host: 'rebound.example' })).toBe(403);
    expect(await status({ origin: 'https://page.example' })).toBe(403);
    expect(await status({ origin: 'null' })).toBe(403);
  });
});

describe('clients that leave, crowds, and the end', () => {
  const until = async (holds: () => boolean): Promise<void> => {
    for (let i = 0; i < 500 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(holds()).toBe(true);
  };
  const long = {
    model: 'organism',
    prompt: greeting,
    max_tokens: 480,
    ignore_eos: true,
  } as unknown as OpenAI.CompletionCreateParamsNonStreaming;

  it('work of a client that leaves is given up, streamed or not, and others go on', async () => {
    const [streaming, waiting] = [new AbortController(), new AbortController()];
    const stream = await client.completions.create({ ...long, stream: true }, { signal: streaming.signal });
    const plain = client.completions.create(long, { signal: waiting.signal }).catch((error: unknown) => error);
    const other = client.completions.create({ ...base, prompt: greeting, seed: 4 });
    await stream[Symbol.asyncIterator]().next(); // Leaving a loop over the stream would abort it here.
    await until(() => server.counts().running >= 2);
    streaming.abort();
    waiting.abort();
    expect(await plain).toBeInstanceOf(Error);
    expect((await other).choices[0]?.text).toBe((await expected(greeting, { seed: 4 }))[0]);
    await until(() => server.counts().running === 0);
  });

  it('refuses more than may wait, and closing ends open requests with an error', async () => {
    const small = await serveModel(model, { name: 'organism', maxRows: 1, maxWaiting: 2, token: null });
    const asker = clientOf(small);
    expect(small.token).toBeNull();
    const first = asker.completions.create(long).catch((error: unknown) => error);
    await until(() => small.counts().running === 1);
    const second = asker.completions.create(long).catch((error: unknown) => error);
    await until(() => small.counts().waiting === 1);
    await expect(asker.completions.create({ ...long, n: 2 })).rejects.toMatchObject({ status: 429 });
    await small.close();
    expect(await first).toMatchObject({ status: 503 });
    expect(await second).toMatchObject({ status: 503 });
    await expect(fetch(`${small.url}/models`)).rejects.toThrow();
  });

  it('a port that is taken is an EnvironmentError', async () => {
    await expect(serveModel(model, { port: server.port })).rejects.toThrow(EnvironmentError);
  });
});
