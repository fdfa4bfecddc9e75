import { afterEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../base/errors.js';
import { openEndpoint } from './endpoint.js';
import { proxyFor } from './proxy.js';
import { chatAnswer, type FakeServer, fakeServer, sendJson } from './testing/fakeServer.js';

let server: FakeServer | null = null;
afterEach(() => server?.close());

describe('the proxy of an address', () => {
  const environment = { HTTPS_PROXY: 'http://p:1', http_proxy: 'q:2', NO_PROXY: 'inner.example, .lan:8080' };
  it.each([
    ['https://api.example/v1', 'http://p:1/'],
    ['http://api.example/v1', 'http://q:2/'],
    ['https://inner.example/v1', null],
    ['https://a.inner.example/v1', null],
    ['http://x.lan:8080/v1', null],
    ['http://x.lan:81/v1', 'http://q:2/'],
    ['http://127.0.0.1:9/v1', null],
    ['http://localhost/v1', null],
  ])('%s is %s', (url, proxy) => {
    expect(proxyFor(new URL(url), environment)?.href ?? null).toBe(proxy);
    expect(proxyFor(new URL(url), {})).toBeNull();
  });

  it('of another protocol is refused', () => {
    expect(() => proxyFor(new URL('http://a.example'), { ALL_PROXY: 'socks5://p:1' })).toThrow(ConfigError);
  });
});

it('a host that only the proxy reaches is asked through it', async () => {
  server = await fakeServer((_, response) => sendJson(response, chatAnswer('through')));
  const endpoint = openEndpoint({
    model: 'small',
    baseUrl: 'http://far.example/v1',
    apiKeyEnv: null,
    environment: { HTTP_PROXY: new URL(server.url).origin },
    timeoutMs: 5000,
    retries: 0,
    concurrency: 1,
    requestsPerMinute: null,
    cacheDir: null,
    prices: null,
  });
  const request = { messages: [], maxTokens: 4, temperature: 0, topP: 1, seed: 0 };
  expect(await endpoint.chat(request)).toMatchObject({ text: 'through' });
  expect(server.received[0]).toMatchObject({
    path: 'http://far.example/v1/chat/completions',
    headers: { host: 'far.example' },
  });
});
