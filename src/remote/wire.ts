/** The way to an OpenAI-compatible server: its address, its two paths, the key in the header and nowhere else. No
 *  client library: those take addresses, organisations and headers from the environment, and their time limits end with
 *  the headers of an answer. */
import { ConfigError } from '../base/errors.js';
import { wellFormed } from '../base/json.js';
import { parseAnswer } from './answerBody.js';
import { exchange } from './exchange.js';
import { failureUnder200 } from './httpFailures.js';
import { proxyFor } from './proxy.js';
import { holdsKey, type Redaction, shownVariable } from './secrets.js';
import { fillUrl, unfilledPlaces, variablesOf } from './template.js';
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

/** @param base the address, its variables filled in */
export function createWire(
  base: URL,
  { timeoutMs, apiKeyEnv, environment = process.env }: Pick<EndpointOptions, 'timeoutMs' | 'apiKeyEnv' | 'environment'>,
  key: string | null,
  redaction: Redaction,
): Wire {
  const folder = `${base.origin}${base.pathname.replace(/\/+$/, '')}`;
  const proxy = proxyFor(base, environment);
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream;q=0.5',
    'user-agent': 'gadfly',
    ...(key === null ? {} : { authorization: `Bearer ${key}` }),
  };
  const keyHint =
    apiKeyEnv === null
      ? 'Name the environment variable of the key: apiKeyEnv.'
      : `Check the key in ${shownVariable(apiKeyEnv)}.`;
  const whereOf = (path: EndpointPath): string => redaction.message(`${folder}/${path}`);
  return {
    baseUrl: folder + base.search,
    whereOf,
    send: async (path, asked, signal) => {
      const where = whereOf(path);
      const body = await exchange(
        { url: `${folder}/${path}${base.search}`, method: 'POST', headers, body: wellFormed(JSON.stringify(asked)) },
        { timeoutMs, signal, redaction, proxy, keyHint },
      );
      const answer = parseAnswer(body, where);
      const failure = failureUnder200(answer, body, { where, redaction, keyHint });
      if (failure !== null) throw failure;
      return redaction.body(asked['stream'] === true ? JSON.stringify(answer) : body);
    },
  };
}

/** http or https, without user, password and key: those would be in every message and file. What is refused is not
 *  shown, for it may hold a key. @param text may hold {{env:NAME}} @throws ConfigError */
export function requireUrl(text: string, where: string): void {
  const problem = problemOfUrl(text);
  if (problem === null) return;
  throw new ConfigError('this address cannot be asked', {
    where,
    expected: 'such as http://127.0.0.1:8000/v1',
    got: problem,
    remedy: 'Give the key by apiKeyEnv or {{env:NAME}}.',
  });
}

/** Describes the problem of an address without showing it; returns null when there is none. @param text may hold {{env:NAME}} */
export function problemOfUrl(text: string): string | null {
  const [unfilled] = unfilledPlaces(text, []);
  if (unfilled !== undefined) return `the place {{${unfilled}}}, which nothing fills`;
  const marker = 'variable';
  const filled = fillUrl(text, Object.fromEntries(variablesOf(text).map((name) => [`env:${name}`, marker])));
  if (!URL.canParse(filled)) return 'no address';
  const url = new URL(filled);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return url.protocol;
  if (url.username !== '' || url.password !== '') return 'a user or password in the address';
  if (url.hash !== '') return 'a #fragment, which no server is sent';
  const parts = [...url.searchParams].filter(([, value]) => value !== marker);
  if (
    parts.some(([name, value]) => holdsKey(name, value)) ||
    url.pathname.split('/').some((part) => holdsKey('', part))
  )
    return 'a key in the address';
  return null;
}

/** An address with its variables filled in. @throws ConfigError, without the address, when they make none of it */
export function openUrl(text: string, values: Readonly<Record<string, string>>, where: string): URL {
  const filled = fillUrl(text, values);
  if (URL.canParse(filled)) return new URL(filled);
  throw new ConfigError('the variables of the environment make no address', {
    where,
    expected: 'such as http://127.0.0.1:8000/v1',
  });
}
