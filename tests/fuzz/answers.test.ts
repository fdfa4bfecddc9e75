/** Answers of servers that a seed draws, well formed and broken, over a real connection: a reply that the server sent,
 *  a reason why there is none, or one clear message. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEndpoint } from '../../src/remote/endpoint.js';
import { openJsonService } from '../../src/remote/jsonService.js';
import { retryAfterMs, waitInWords } from '../../src/remote/retryAfter.js';
import { chatAnswer, completionAnswer, fakeServer, type FakeServer } from '../../src/remote/testing/fakeServer.js';
import type { Endpoint, PromptToken, RemoteReply } from '../../src/remote/types.js';
import { mutated } from './mutated.js';
import { settingsFor, timeoutMs, valueOrMessage } from './settings.js';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Bytes of each piece that is sent. */
  readonly piece: number;
  /** The connection breaks before the end. */
  readonly breaks: boolean;
}

let server: FakeServer;
let answer: Answer;
beforeAll(async () => {
  server = await fakeServer((_, response) => {
    const { status, headers, body, piece, breaks } = answer;
    response.writeHead(status, headers);
    for (let at = 0; at < body.length && status !== 204; at += piece) response.write(body.subarray(at, at + piece));
    if (breaks) response.destroy();
    else response.end();
  });
});
afterAll(() => server.close());

const token = { token: 'hi', logprob: -0.5, top_logprobs: [{ token: 'hi', logprob: -0.5 }] };
const messages = { role: 'assistant', content: 'hi you', reasoning_content: 'hm', refusal: null, tool_calls: [] };
const details = { completion_tokens_details: { reasoning_tokens: 0 } };
const usage = { prompt_tokens: 5, completion_tokens: 1, total_tokens: 6, ...details };
const templates: readonly unknown[] = [
  chatAnswer('', {
    choices: [{ index: 0, finish_reason: 'stop', message: messages, logprobs: { content: [token] } }],
    usage,
  }),
  chatAnswer('', {
    choices: [
      {
        message: {
          content: [
            { type: 'text', text: 'hi ' },
            { type: 'text', text: 'you' },
          ],
        },
      },
    ],
  }),
  completionAnswer('', {
    choices: [
      {
        text: 'hi you',
        finish_reason: 'length',
        logprobs: { tokens: ['hi'], token_logprobs: [-1], top_logprobs: [{ hi: -1 }] },
      },
    ],
    usage,
  }),
  completionAnswer('x', { prompt_logprobs: [null, { 5: { logprob: -1, decoded_token: 'hi' } }] }),
  completionAnswer('x', {
    choices: [{ text: 'hi', logprobs: { tokens: ['hi', ' you'], token_logprobs: [null, -2] } }],
  }),
  { error: { message: 'busy', code: 503 } },
  { object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content: 'hi' }, finish_reason: null }] },
  [{ text: 'hello' }],
];

const values = fc.oneof({ arbitrary: fc.constantFrom(...templates).chain(mutated), weight: 6 }, fc.jsonValue());
const events = fc
  .array(values, { maxLength: 4 })
  .map((list) => list.map((each) => `data: ${JSON.stringify(each)}\n\n`).join(''));
const texts = fc.oneof(
  { arbitrary: values.map((value) => JSON.stringify(value)), weight: 5 },
  fc
    .tuple(events, fc.constantFrom('', 'data: [DONE]\n\n', 'data: {"choices":', 'event: error\n\n'))
    .map(([all, end]) => all + end),
  fc.constantFrom(
    '',
    ' ',
    'null',
    '{"choices":[{"message":{"content":NaN}}]}',
    '<!doctype html><p>login',
    '"hello"',
    '12',
    'true',
  ),
  fc.nat(3).map((n) => '[{"choices":'.slice(0, n + 1).repeat(20_000)),
  fc.nat(1).map((n) => `${['[', '{"a":'][n] ?? ''}`.repeat(50_000) + '1' + `${[']', '}'][n] ?? ''}`.repeat(50_000)),
  fc.string({ unit: 'binary' }),
);
const encodings = [
  (text: string) => Buffer.from(text),
  (text: string) => Buffer.from(`\uFEFF${text}`),
  (text: string) => Buffer.from(text, 'latin1'),
  (text: string) => Buffer.from(text, 'utf16le'),
  (text: string) => Buffer.from(`: wait\n\n${text}`),
  (text: string) => Buffer.from(text).subarray(0, Math.floor(text.length / 2)),
] as const;
const answers: fc.Arbitrary<Answer> = fc
  .record({
    status: fc.oneof(
      { arbitrary: fc.constant(200), weight: 5 },
      fc.constantFrom(201, 204, 302, 400, 401, 404, 413, 422, 429, 500, 503, 599),
    ),
    type: fc.constantFrom(
      'application/json',
      'text/event-stream',
      'application/json; charset=latin1',
      'text/plain; charset=nothing',
      '',
    ),
    wait: fc.constantFrom(
      '',
      '0',
      '-1',
      '1e999',
      'soon',
      '99999999999999999999',
      'Wed, 21 Oct 2015 07:28:00 GMT',
      'NaN',
    ),
    zip: fc.constantFrom('', '', '', 'gzip', 'nothing'),
    text: texts,
    encode: fc.oneof({ arbitrary: fc.constant(encodings[0]), weight: 4 }, fc.constantFrom(...encodings)),
    piece: fc.constantFrom(1_000_000, 1_000_000, 7, 1000),
    breaks: fc.oneof({ arbitrary: fc.constant(false), weight: 8 }, fc.constant(true)),
  })
  .map(({ status, type, wait, zip, text, encode, piece, breaks }) => {
    const body = encode(text);
    return {
      status,
      headers: {
        ...(type === '' ? {} : { 'content-type': type }),
        ...(wait === '' ? {} : { 'retry-after': wait }),
        ...(zip === '' ? {} : { 'content-encoding': zip }),
      },
      body,
      piece: Math.max(piece, Math.ceil(body.length / 200)),
      breaks,
    };
  });

const asked = {
  timeoutMs: 20_000,
  retries: 0,
  concurrency: 1,
  requestsPerMinute: null,
  cacheDir: null,
  prices: { input: 3, output: 7 },
};
const sampling = { maxTokens: 20, temperature: 1, topP: 1, seed: 0 };

function requireFiniteUsage(counted: object): void {
  for (const [name, value] of Object.entries(counted)) expect(Number.isFinite(value) && value >= 0, name).toBe(true);
}

function requireReply(reply: RemoteReply | { readonly kind: 'reply'; readonly text: string }): void {
  if (reply.kind === 'noReply') {
    expect(reply.reason).toMatch(/^no reply: /);
    return;
  }
  expect(reply.text.trim()).not.toBe('');
  if (!('tokens' in reply)) return;
  const { tokens, completionTokens } = reply;
  expect(completionTokens === null || Number.isSafeInteger(completionTokens)).toBe(true);
  requireLogProbs((tokens ?? []).flatMap(({ text, logProb, top }) => [{ text, logProb }, ...top]));
}

function requireLogProbs(tokens: readonly PromptToken[]): void {
  for (const { logProb } of tokens) expect(logProb === null || (Number.isFinite(logProb) && logProb <= 0)).toBe(true);
}

/** The texts of every JSON document in a body. */
function textsIn(body: Buffer): readonly string[] {
  const found: string[] = [];
  const walk = (at: unknown): void => {
    if (typeof at === 'string') found.push(at);
    else if (typeof at === 'object' && at !== null) Object.values(at).forEach(walk);
  };
  const decoded = [new TextDecoder(), new TextDecoder('latin1')].map((decoder) => decoder.decode(body));
  for (const text of decoded)
    for (const piece of [
      text,
      text.replace(/^: wait\n\n/, ''),
      ...text.split('\n\n').map((each) => each.replace(/^data: ?/, '')),
    ]) {
      try {
        walk(JSON.parse(piece));
      } catch {
        continue;
      }
    }
  return found;
}

/** Whether a text is made of texts of the body, one after the other. */
function isSentText(text: string, body: Buffer): boolean {
  const parts = [...new Set(textsIn(body))].filter((part) => part !== '');
  const reached = new Set([0]);
  for (const at of reached) for (const part of parts) if (text.startsWith(part, at)) reached.add(at + part.length);
  return reached.has(text.length);
}

async function withEndpoint(act: (endpoint: Endpoint) => Promise<void>): Promise<void> {
  const endpoint = openEndpoint({ ...asked, model: 'small', baseUrl: server.url, apiKeyEnv: null });
  await act(endpoint);
  requireFiniteUsage(endpoint.usage());
  endpoint.close();
}

describe('any answer of a server', () => {
  it(
    'to a chat or a completion is a reply that it sent, a reason for none, or a message',
    async () => {
      await fc.assert(
        fc.asyncProperty(answers, async (drawn) => {
          answer = drawn;
          await withEndpoint(async (endpoint) => {
            for (const reply of [
              await valueOrMessage(() => endpoint.chat({ ...sampling, messages: [{ role: 'user', content: 'hi' }] })),
              await valueOrMessage(() => endpoint.chat({ ...sampling, messages: [], topLogProbs: 5 })),
              await valueOrMessage(() => endpoint.complete({ ...sampling, prompt: 'hi', topLogProbs: 5 })),
            ]) {
              if (reply === null) continue;
              requireReply(reply);
              if (reply.kind === 'reply') expect(isSentText(reply.text, drawn.body)).toBe(true);
            }
          });
        }),
        settingsFor(2),
      );
    },
    timeoutMs,
  );

  it(
    'to a request for the scores of a prompt is scores of its tokens, none, or a message',
    async () => {
      await fc.assert(
        fc.asyncProperty(answers, async (drawn) => {
          answer = drawn;
          for (const promptLogProbs of ['vllm', 'echo', 'auto'] as const) {
            const endpoint = openEndpoint({
              ...asked,
              model: 'small',
              baseUrl: server.url,
              apiKeyEnv: null,
              promptLogProbs,
            });
            const scores = await valueOrMessage(() => endpoint.promptLogProbs({ kind: 'text', prompt: 'hi you' }));
            requireLogProbs(scores ?? []);
            requireFiniteUsage(endpoint.usage());
          }
        }),
        settingsFor(),
      );
    },
    timeoutMs,
  );

  it(
    'of a JSON service is a text, a reason for none, or a message',
    async () => {
      const paths = fc.constantFrom('$', '0.text', '*.text', 'choices.0.message.content', 'usage', 'choices.*.text');
      await fc.assert(
        fc.asyncProperty(answers, paths, fc.boolean(), async (drawn, reply, counts) => {
          answer = drawn;
          const service = openJsonService({
            ...asked,
            name: 'service',
            url: `${server.url}/ask`,
            headers: {},
            body: { text: '{{utterance}}' },
            reply,
            tokens: counts ? { input: 'usage.prompt_tokens', output: 'usage.completion_tokens' } : null,
          });
          const said = await valueOrMessage(() => service.ask({ utterance: 'hi' }));
          if (said !== null) requireReply(said);
          requireFiniteUsage(service.usage());
        }),
        settingsFor(2),
      );
    },
    timeoutMs,
  );

  it('asks to wait a time that is none of NaN, infinite or negative, or none at all', () => {
    const numbers = fc.oneof(
      fc.double().map(String),
      fc.bigInt().map(String),
      fc.date({ noInvalidDate: true }).map(String),
    );
    fc.assert(
      fc.property(fc.oneof(numbers, fc.string()), fc.constantFrom('retry-after', 'retry-after-ms'), (given, name) => {
        const header = given.replaceAll(/[^ -~]/g, '');
        for (const wait of [retryAfterMs(new Headers({ [name]: header })), waitInWords(`try again in ${given} s`)])
          expect(wait === null || (Number.isFinite(wait) && wait >= 0)).toBe(true);
      }),
      settingsFor(20),
    );
  });
});
