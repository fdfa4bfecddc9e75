/** The way to an OpenAI-compatible server: its address, its two paths, the key in the header and nowhere else. No
 *  client library: those take addresses, organisations and headers from the environment, and their time limits end with
 *  the headers of an answer. */
import { ConfigError } from '../base/errors.js';
import { exchange } from './exchange.js';
import type { EndpointOptions } from './types.js';

/** Below the address. */
export type EndpointPath = 'chat/completions' | 'completions';

export interface Wire {
  /** Without a slash at its end. */
  readonly baseUrl: string;
  /** @returns the body of the answer, as it came
   *  @throws RemoteFailure, InterruptedError */
  readonly send: (path: EndpointPath, body: Readonly<Record<string, unknown>>, signal: AbortSignal) => Promise<string>;
}

/** @throws ConfigError for an address that is none */
export function createWire(
  { baseUrl: given, timeoutMs, apiKeyEnv }: Pick<EndpointOptions, 'baseUrl' | 'timeoutMs' | 'apiKeyEnv'>,
  key: string | null,
): Wire {
  const baseUrl = requireUrl(given, 'baseUrl').replace(/\/+$/, '');
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json',
    'user-agent': 'gadfly',
    ...(key === null ? {} : { authorization: `Bearer ${key}` }),
  };
  const keyHint =
    apiKeyEnv === null ? 'Name the environment variable of the key: apiKeyEnv.' : `Check the key in ${apiKeyEnv}.`;
  const secrets = key === null ? [] : [key];
  return {
    baseUrl,
    send: (path, body, signal) =>
      exchange(
        { url: `${baseUrl}/${path}`, method: 'POST', headers, body: JSON.stringify(body) },
        { timeoutMs, signal, secrets, keyHint },
      ),
  };
}

/** http or https, without user and password: those would be in every message. @throws ConfigError */
export function requireUrl(text: string, where: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch (error) {
    throw new ConfigError('this is no address', {
      where,
      expected: 'such as http://127.0.0.1:8000/v1',
      got: text,
      cause: error,
    });
  }
  const problem =
    url.protocol !== 'http:' && url.protocol !== 'https:'
      ? url.protocol
      : url.username !== '' || url.password !== ''
        ? 'a user or password in the address'
        : null;
  if (problem === null) return url.href;
  throw new ConfigError('this address cannot be asked', {
    where,
    expected: 'http:// or https://, the key by apiKeyEnv',
    got: problem,
  });
}
