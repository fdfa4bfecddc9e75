/** Requests through the proxy that the environment names (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY, in either case),
 *  which fetch does not know of. What is on this machine is asked without one. An http: address is asked of the proxy
 *  itself, an https: address through a tunnel (CONNECT), so that the proxy sees no key. */
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import { ConfigError } from '../base/errors.js';

export interface Outgoing {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Returns the proxy for an address; null when it is asked directly. @throws ConfigError for a proxy that is no http
 *  address */
export function proxyFor({ protocol, hostname, port }: URL, environment: Environment): URL | null {
  const variable = (name: string): string => (environment[name.toLowerCase()] ?? environment[name] ?? '').trim();
  const named = variable(protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY') || variable('ALL_PROXY');
  if (named === '' || /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname)) return null;
  if (
    variable('NO_PROXY')
      .split(/[\s,]+/)
      .some((entry) => excepts(entry.toLowerCase(), hostname, port))
  )
    return null;
  const full = named.includes('://') ? named : `http://${named}`;
  const proxy = URL.canParse(full) ? new URL(full) : null;
  if (proxy?.protocol === 'http:') return proxy;
  throw new ConfigError('this proxy cannot be asked', {
    where: 'HTTPS_PROXY or HTTP_PROXY',
    expected: 'such as http://proxy.example:3128',
    got: proxy === null ? 'no address' : proxy.protocol,
  });
}

function excepts(entry: string, hostname: string, port: string): boolean {
  const [name = '', only = ''] = entry.split(':');
  if (name === '*') return true;
  const plain = name.replace(/^\*?\./, '');
  return plain !== '' && (only === '' || only === port) && (hostname === plain || hostname.endsWith(`.${plain}`));
}

/** @returns the answer, as fetch gives it */
export async function fetchThrough(proxy: URL, outgoing: Outgoing, signal: AbortSignal): Promise<Response> {
  const url = new URL(outgoing.url);
  const user = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const own: Record<string, string> =
    user === ':' ? {} : { 'proxy-authorization': `Basic ${Buffer.from(user).toString('base64')}` };
  const toProxy = { host: proxy.hostname, port: Number(proxy.port || 80), signal };
  const { method } = outgoing;
  const headers = { ...outgoing.headers, host: url.host, 'content-length': String(Buffer.byteLength(outgoing.body)) };
  const answer =
    url.protocol === 'http:'
      ? await answerTo(
          httpRequest({ ...toProxy, method, path: url.href, headers: { ...headers, ...own } }),
          outgoing.body,
        )
      : await answerTo(
          httpsRequest(url, { method, headers, signal, ...(await tunnel(url, toProxy, own)) }),
          outgoing.body,
        );
  const status = answer.statusCode ?? 502;
  const given = new Headers();
  for (const [name, value] of Object.entries(answer.headers))
    if (value !== undefined) given.set(name, Array.isArray(value) ? value.join(', ') : value);
  // The web's streams and Node's have the same methods, and types of their own.
  const body = [204, 205, 304].includes(status) ? null : (Readable.toWeb(answer) as ReadableStream<Uint8Array>);
  return new Response(body, { status, headers: given });
}

function answerTo(request: ReturnType<typeof httpRequest>, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
    request.end(body);
  });
}

function tunnel(
  url: URL,
  toProxy: RequestOptions,
  own: Readonly<Record<string, string>>,
): Promise<Pick<RequestOptions, 'createConnection'>> {
  const host = `${url.hostname}:${url.port || '443'}`;
  return new Promise((resolve, reject) => {
    const request = httpRequest({ ...toProxy, method: 'CONNECT', path: host, headers: { host, ...own } });
    request.once('error', reject);
    request.once('connect', ({ statusCode }, socket: Socket) => {
      if (statusCode === 200) resolve({ createConnection: () => tlsConnect({ socket, servername: url.hostname }) });
      else {
        socket.destroy();
        reject(new Error(`the proxy refuses a tunnel with HTTP ${String(statusCode)}`));
      }
    });
    request.end();
  });
}
