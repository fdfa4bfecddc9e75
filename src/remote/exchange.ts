/** One HTTP request and its whole answer, within a time and a size.
 *
 *  Connects to the given address only (through a proxy where the environment names one): redirects are refused, not
 *  followed, so that a key never reaches another host. The time covers the body as well as the headers. Headers are the
 *  caller's and no others. */
import { InterruptedError, TargetError } from '../base/errors.js';
import { RemoteFailure } from './failure.js';
import { connectionFailure, type FailureContext, statusFailure, timeoutFailure } from './httpFailures.js';
import { fetchThrough, type Outgoing } from './proxy.js';
import type { Redaction } from './secrets.js';

export interface ExchangeOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly redaction: Redaction;
  /** The proxy to ask through; null to ask directly. */
  readonly proxy: URL | null;
  /** Tells a user what to check when the key is refused. */
  readonly keyHint: string;
}

const maxAnswerBytes = 64 * 1024 * 1024;

/** @returns the body of a 2xx answer, as it came
 *  @throws RemoteFailure; InterruptedError when `signal` ended it */
export async function exchange(outgoing: Outgoing, options: ExchangeOptions): Promise<string> {
  const { bytes, headers } = await exchangeBytes(outgoing, { ...options, maxBytes: maxAnswerBytes });
  return decoderFor(headers).decode(bytes);
}

export interface Received {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
}

/** The same for an answer that is no text.
 *  @param options.returnsRedirects an answer that names another address is given back, in the place of a failure; it is
 *    never followed here */
export async function exchangeBytes(
  outgoing: Outgoing,
  options: ExchangeOptions & { readonly maxBytes: number; readonly returnsRedirects?: boolean },
): Promise<Received> {
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const context: FailureContext = {
    where: `${outgoing.method} ${options.redaction.message(shownUrl(outgoing.url))}`,
    redaction: options.redaction,
    keyHint: options.keyHint,
  };
  try {
    const signal = AbortSignal.any([options.signal, timeout]);
    const { url, method, headers, body } = outgoing;
    const asked = method === 'GET' ? { method, headers } : { method, headers, body };
    const response =
      options.proxy === null
        ? await fetch(url, { ...asked, redirect: 'manual', signal })
        : await fetchThrough(options.proxy, outgoing, signal);
    const bytes = await readBody(response, options.maxBytes, context.where, signal);
    const isRedirect = response.status >= 300 && response.status < 400 && options.returnsRedirects === true;
    if (response.ok || isRedirect) return { status: response.status, headers: response.headers, bytes };
    throw statusFailure(response, decoderFor(response.headers).decode(bytes), context);
  } catch (error) {
    if (error instanceof RemoteFailure) throw error;
    if (options.signal.aborted) throw new InterruptedError('a request was broken off', { where: context.where });
    throw timeout.aborted
      ? timeoutFailure(context.where, options.timeoutMs, error)
      : connectionFailure(context.where, error, options.redaction);
  }
}

/** Without user, password and query, any of which may be secret. */
export function shownUrl(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

/** The signal is heard here as well: a body that breaks its own encoding may never end, and ends no read either. */
async function readBody(response: Response, maxBytes: number, where: string, signal: AbortSignal): Promise<Uint8Array> {
  if (response.body === null) return new Uint8Array();
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  const stopped = new Promise<never>((_, reject) => {
    const stop = (): void => reject(signal.reason as Error); // An AbortSignal gives an Error.
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  stopped.catch(() => undefined); // It may come after the body.
  for (;;) {
    const { done, value } = await Promise.race([reader.read(), stopped]);
    if (done) return Buffer.concat(chunks);
    size += value.length;
    if (size > maxBytes) {
      await reader.cancel();
      throw new RemoteFailure(
        new TargetError('the answer does not end', { where, expected: `at most ${maxBytes} bytes` }),
        { retryable: false },
      );
    }
    chunks.push(value);
  }
}

/** UTF-8 unless the answer names another encoding that is known. */
function decoderFor(headers: Headers): TextDecoder {
  const named = /charset="?([\w-]+)/i.exec(headers.get('content-type') ?? '')?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(named);
  } catch {
    return new TextDecoder();
  }
}
