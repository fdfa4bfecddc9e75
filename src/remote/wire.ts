/** The `openai` client as a builder of requests, on our own transport. Everything that the client would take from the environment
 *  (address, organisation, further headers, logging) is set here, so that no variable sends a key elsewhere. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type OpenAI from 'openai';
import { ConfigError, TargetError } from '../base/errors.js';
import { present } from '../base/invariant.js';
import { exchange } from './exchange.js';
import { RemoteFailure } from './failure.js';
import { parseBody } from './answers.js';
import type { EndpointOptions } from './types.js';

const paths = ['chat/completions', 'completions'] as const;

export interface Wire {
  /** Without a slash at its end. */
  readonly baseUrl: string;
  readonly paths: typeof paths;
  /** @throws TargetError whose cause is a RemoteFailure, InterruptedError */
  readonly send: (path: (typeof paths)[number], body: Readonly<Record<string, unknown>>, signal: AbortSignal) => Promise<string>;
}

/** @throws ConfigError for an address that is none */
export function createWire({ baseUrl: given, timeoutMs, apiKeyEnv }: Pick<EndpointOptions, 'baseUrl' | 'timeoutMs' | 'apiKeyEnv'>, key: string | null): Wire {
  const baseUrl = requireUrl(given, 'baseUrl').replace(/\/+$/, '');
  const headers = {
    'content-type': 'application/json', accept: 'application/json', 'user-agent': 'gadfly', ...(key === null ? {} : { authorization: `Bearer ${key}` }),
  };
  const keyHint = apiKeyEnv === null ? 'Name the environment variable of the key: apiKeyEnv.' : `Check the key in ${apiKeyEnv}.`;
  const secrets = key === null ? [] : [key];
  let client: Promise<OpenAI> | null = null;

  /** The call that a fetch belongs to: what the client would wrap or drop (errors, the body as it came) goes around it. */
  const calls = new AsyncLocalStorage<Call>();
  const send: typeof fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : input.toString();
    const call = present(calls.getStore(), 'a fetch of the client belongs to a call');
    const body = typeof init?.body === 'string' ? init.body : '';
    try {
      call.body = await exchange({ url, method: 'POST', headers, body }, { timeoutMs, signal: call.signal, secrets, keyHint });
      parseBody(call.body, url);
    } catch (error) {
      call.failure = error instanceof TargetError ? new RemoteFailure(error, { retryable: false }) : (error as Error); // Whatever throws here is one.
    }
    return new Response('{}', { status: 200, headers: { 'content-type': 'application/json' } });
  };
  const open = async (): Promise<OpenAI> => {
    const { default: Client } = await import('openai');
    return new Client({
      baseURL: baseUrl, apiKey: key ?? 'none', adminAPIKey: null, organization: null, project: null, webhookSecret: null,
      // Ours covers the body too; the client's, which does not, must not come first.
      maxRetries: 0, timeout: Math.min(2 ** 31 - 1, timeoutMs + 60_000), logLevel: 'off', fetch: send,
    });
  };

  return {
    baseUrl,
    paths,
    send: async (path, body, signal) => {
      const call: Call = { signal, body: null, failure: null };
      const sender = await (client ??= open());
      await calls.run(call, () => sender.post(`/${path}`, { body: { ...body } }).asResponse());
      if (call.failure !== null) throw call.failure;
      return present(call.body, 'a call without a failure has a body');
    },
  };
}

interface Call {
  readonly signal: AbortSignal;
  body: string | null;
  failure: Error | null;
}

/** http or https, without user and password: those would be in every message. @throws ConfigError */
export function requireUrl(text: string, where: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch (error) {
    throw new ConfigError('this is no address', { where, expected: 'such as http://127.0.0.1:8000/v1', got: text, cause: error });
  }
  const problem = url.protocol !== 'http:' && url.protocol !== 'https:' ? url.protocol : url.username !== '' || url.password !== '' ? 'a user or password in the address' : null;
  if (problem === null) return url.href;
  throw new ConfigError('this address cannot be asked', { where, expected: 'http:// or https://, the key by apiKeyEnv', got: problem });
}
