/** The way to an OpenAI-compatible server: its address, its two paths, the key in the header and nowhere else. No
 *  client library: those take addresses, organisations and headers from the environment, and their time limits end with
 *  the headers of an answer. */
import { ConfigError } from '../base/errors.js';
import { parseAnswer } from './answerBody.js';
import { exchange } from './exchange.js';
import { failureUnder200 } from './httpFailures.js';
import type { Redaction } from './secrets.js';
import type { EndpointOptions } from './types.js';

/** Below the address. */
export type EndpointPath = 'chat/completions' | 'completions';

export interface Wire {
  /** The address as it was given, without a slash at its end. */
  readonly baseUrl: string;
  /** For messages. */
  readonly whereOf: (path: EndpointPath) => string;
  /** @returns the body of the answer, without the key; events of a stream as one document
   *  @throws RemoteFailure, InterruptedError, TargetError */
  readonly send: (path: EndpointPath, body: Readonly<Record<string, unknown>>, signal: AbortSignal) => Promise<string>;
}

/** @throws ConfigError for an address that is none */
export function createWire(
  { baseUrl: given, timeoutMs, apiKeyEnv }: Pick<EndpointOptions, 'baseUrl' | 'timeoutMs' | 'apiKeyEnv'>,
  key: string | null,
  redaction: Redaction,
): Wire {
  const base = new URL(requireUrl(given, 'baseUrl'));
  const folder = `${base.origin}${base.pathname.replace(/\/+$/, '')}`;
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream;q=0.5',
    'user-agent': 'gadfly',
    ...(key === null ? {} : { authorization: `Bearer ${key}` }),
  };
  const keyHint =
    apiKeyEnv === null ? 'Name the environment variable of the key: apiKeyEnv.' : `Check the key in ${apiKeyEnv}.`;
  const whereOf = (path: EndpointPath): string => redaction.message(`${folder}/${path}`);
  return {
    baseUrl: folder + base.search,
    whereOf,
    send: async (path, asked, signal) => {
      const where = whereOf(path);
      const body = await exchange(
        { url: `${folder}/${path}${base.search}`, method: 'POST', headers, body: JSON.stringify(asked) },
        { timeoutMs, signal, redaction, keyHint },
      );
      const answer = parseAnswer(body, where);
      const failure = failureUnder200(answer, body, { where, redaction, keyHint });
      if (failure !== null) throw failure;
      return redaction.body(asked['stream'] === true ? JSON.stringify(answer) : body);
    },
  };
}

/** http or https, without user and password: those would be in every message. What is refused is not shown, for it may
 *  hold a key. @throws ConfigError */
export function requireUrl(text: string, where: string): string {
  const problem = problemOfUrl(text);
  if (problem === null) return new URL(text).href;
  throw new ConfigError('this address cannot be asked', {
    where,
    expected: 'such as http://127.0.0.1:8000/v1, the key by apiKeyEnv',
    got: problem,
  });
}

/** Describes the problem of an address without showing it; returns null when there is none. */
function problemOfUrl(text: string): string | null {
  if (!URL.canParse(text)) return 'no address';
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return url.protocol;
  if (url.username !== '' || url.password !== '') return 'a user or password in the address';
  return url.hash === '' ? null : 'a #fragment, which no server is sent';
}
