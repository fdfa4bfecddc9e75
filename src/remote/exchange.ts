/** One HTTP request and its whole answer, within a time and a size; what went wrong otherwise, sorted into what may
 *  pass and what stays.
 *
 *  Connects to the given address only: redirects are refused, not followed, so that a key never reaches another host.
 *  The time covers the body as well as the headers. Headers are the caller's and no others. */
import { InterruptedError, TargetError } from '../base/errors.js';
import { RemoteFailure } from './failure.js';
import { retryAfterMs } from './retryAfter.js';

export interface Outgoing {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface ExchangeOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Texts that no message may show. */
  readonly secrets: readonly string[];
  /** Tells a user what to check when the key is refused. */
  readonly keyHint: string;
}

const maxAnswerBytes = 64 * 1024 * 1024;
const shownCharacters = 400;

/** @returns the body of a 2xx answer
 *  @throws RemoteFailure; InterruptedError when `signal` ended it */
export async function exchange(outgoing: Outgoing, options: ExchangeOptions): Promise<string> {
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const where = `${outgoing.method} ${shownUrl(outgoing.url)}`;
  try {
    const response = await fetch(outgoing.url, {
      method: outgoing.method,
      headers: outgoing.headers,
      body: outgoing.body,
      redirect: 'manual',
      signal: AbortSignal.any([options.signal, timeout]),
    });
    const body = await readBody(response, where);
    if (response.ok) return body;
    throw statusFailure(response, where, shownText(body, options.secrets), options.keyHint);
  } catch (error) {
    if (error instanceof RemoteFailure) throw error;
    if (options.signal.aborted) throw new InterruptedError('a request was broken off', { where, cause: error });
    throw timeout.aborted ? timeoutFailure(where, options.timeoutMs, error) : connectionFailure(where, error);
  }
}

/** Without user, password and query, any of which may be secret. */
export function shownUrl(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

async function readBody(response: Response, where: string): Promise<string> {
  if (response.body === null) return '';
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks).toString('utf8');
    size += value.length;
    if (size > maxAnswerBytes) {
      await reader.cancel();
      throw new RemoteFailure(
        new TargetError('the answer does not end', { where, expected: `at most ${maxAnswerBytes} bytes` }),
        { retryable: false },
      );
    }
    chunks.push(value);
  }
}

function statusFailure(response: Response, where: string, said: string, keyHint: string): RemoteFailure {
  const { status } = response;
  const got = `HTTP ${status}${said === '' ? '' : `: ${said}`}`;
  const fail = (summary: string, remedy: string, retryable = false): RemoteFailure =>
    new RemoteFailure(new TargetError(summary, { where, expected: 'an answer', got, remedy }), {
      retryable,
      status,
      retryAfterMs: retryable ? retryAfterMs(response.headers) : null,
    });
  if (status >= 300 && status < 400) {
    const to = response.headers.get('location') ?? 'nowhere';
    return fail(
      'the server sends us elsewhere, and redirects are not followed',
      `If ${shownText(to, [])} is right, give it as the address.`,
    );
  }
  if (status === 401 || status === 403) return fail('the server refuses the key', keyHint);
  if (status === 404)
    return fail(
      'the server knows no such path or model',
      'Check the address (it usually ends in /v1) and the name of the model.',
    );
  if (status === 429)
    return fail(
      'the server asks for fewer requests',
      'Lower concurrency or requestsPerMinute, or check the account’s quota.',
      true,
    );
  if (status === 408 || status >= 500)
    return fail('the server failed', 'Look at the server’s own log; resume the run when it is well again.', true);
  return fail('the server refuses the request', 'Its message says which field it does not take.');
}

function timeoutFailure(where: string, timeoutMs: number, cause: unknown): RemoteFailure {
  const details = {
    where,
    expected: `a whole answer within ${timeoutMs / 1000} s`,
    remedy: 'Raise timeout, or lower concurrency where the server is busy.',
    cause,
  };
  return new RemoteFailure(new TargetError('no answer in time', details), { retryable: true });
}

/** Reads the failure of a broken fetch: the code lies in the cause. */
function connectionFailure(where: string, error: unknown): RemoteFailure {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : '';
  const got = code !== '' ? code : cause instanceof Error ? cause.message : String(cause);
  const fail = (summary: string, remedy: string, retryable = false): RemoteFailure =>
    new RemoteFailure(
      new TargetError(summary, { where, expected: 'a server that answers', got, remedy, cause: error }),
      { retryable },
    );
  switch (code) {
    case 'ECONNREFUSED':
      return fail('nothing listens at this address', 'Start the server, or correct the address and port.');
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return fail('this host has no address', 'Check the spelling of the address, and the network.');
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EACCES':
      return fail('this host cannot be reached', 'Check the address, and the network.');
    default:
      if (got === 'bad port') return fail('this port is never asked', 'Choose a port that browsers do not block.');
      if (/CERT|SSL|TLS|SELF_SIGNED/.test(code))
        return fail('the connection is not trusted', 'Check the certificate, or the scheme (http or https).');
      return fail('the connection broke', 'Look at the server’s own log; resume the run when it is well again.', true);
  }
}

/** One line, without control characters or secrets. */
function shownText(text: string, secrets: readonly string[]): string {
  let out = text;
  for (const secret of secrets) if (secret !== '') out = out.replaceAll(secret, '[redacted]');
  out = out.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  return out.length > shownCharacters ? `${out.slice(0, shownCharacters)}…` : out;
}
