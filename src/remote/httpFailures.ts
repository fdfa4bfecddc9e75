/** Sorts the failures of an HTTP request into those that a retry may cure and those that stay, and finds those that are
 *  the fault of the one prompt that was sent. */
import { TargetError } from '../base/errors.js';
import { type PromptRefusal, RemoteFailure } from './failure.js';
import { retryAfterMs, waitInWords } from './retryAfter.js';
import type { Redaction } from './secrets.js';

export interface FailureContext {
  readonly where: string;
  readonly redaction: Redaction;
  /** Tells a user what to check when the key is refused. */
  readonly keyHint: string;
}

const shownCharacters = 400;

/** @param said the body, as it came */
export function statusFailure(
  { status, headers }: { readonly status: number; readonly headers: Headers },
  said: string,
  { where, redaction, keyHint }: FailureContext,
): RemoteFailure {
  const shown = shownText(said, redaction);
  const got = `HTTP ${status}${shown === '' ? '' : `: ${shown}`}`;
  const fail = (summary: string, remedy: string, retryable = false): RemoteFailure =>
    new RemoteFailure(new TargetError(summary, { where, expected: 'an answer', got, remedy }), {
      retryable,
      status,
      retryAfterMs: retryable ? (retryAfterMs(headers) ?? waitInWords(said)) : null,
      refusedPrompt: promptRefusal(status, said),
    });
  if (status >= 300 && status < 400) {
    const to = (headers.get('location') ?? 'nowhere').replace(/[?#].*$/s, '');
    return fail(
      'the server sends us elsewhere, and redirects are not followed',
      `If ${shownText(to, redaction)} is right, give it as the address.`,
    );
  }
  if (status === 402 || /insufficient[_ ](quota|funds|credits?|balance)|billing/i.test(said))
    return fail('the account has nothing left to spend', 'Pay in, or wait for the next period; then resume the run.');
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
  if (status === 408 || status === 409 || status === 425 || status >= 500)
    return fail('the server failed', 'Look at the server’s own log; resume the run when it is well again.', true);
  return fail('the server refuses the request', 'Its message says which field it does not take.');
}

/** An error in the body of an answer with status 200; null for a body without one.
 *  @param answer the body, parsed */
export function failureUnder200(answer: unknown, body: string, context: FailureContext): RemoteFailure | null {
  if (!isObject(answer)) return null;
  const choices = Array.isArray(answer['choices']) ? (answer['choices'] as readonly unknown[]) : [];
  const [choice] = choices;
  const whole = answer['object'] === 'error' ? answer : answer['error'];
  const own = choices.length === 0 ? whole : isObject(choice) ? choice['error'] : undefined;
  const ended = isObject(choice) && choice['finish_reason'] === 'error';
  if ((own === undefined || own === null || own === '') && !ended) return null;
  const code = isObject(own) ? Number(own['status'] ?? own['code']) : NaN;
  const status = Number.isInteger(code) && code >= 400 && code < 600 ? code : 500;
  const refusal = promptRefusal(400, body);
  return statusFailure({ status: refusal === null ? status : 400, headers: new Headers() }, body, context);
}

export function timeoutFailure(where: string, timeoutMs: number, cause: unknown): RemoteFailure {
  const details = {
    where,
    expected: `a whole answer within ${timeoutMs / 1000} s`,
    remedy: 'Raise timeout, or lower concurrency where the server is busy.',
    cause,
  };
  return new RemoteFailure(new TargetError('no answer in time', details), { retryable: true });
}

/** Reads the failure of a broken connection: the code lies in the error, or in its cause. */
export function connectionFailure(where: string, error: unknown, redaction: Redaction): RemoteFailure {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : '';
  const said = cause instanceof Error ? cause.message : String(cause);
  const got = code !== '' ? code : shownText(said, redaction);
  const fail = (summary: string, remedy: string, retryable = false): RemoteFailure =>
    new RemoteFailure(new TargetError(summary, { where, expected: 'a server that answers', got, remedy }), {
      retryable,
    });
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

const content =
  /content[_ -]?(filter|polic|management|moderation|safety)|responsible ?ai|moderation|flagged|prohibited_content|guardrail|inappropriate|data_inspection_failed|safety (system|filter|polic|setting)|(violat|against|breach)[a-z]* .{0,40}polic/i;
const length =
  /context[_ ](length|window|size|limit)|maximum context|(prompt|input|request|messages?|conversation|text)( is| are)? (too|very) (long|large|big)|too many (input |prompt )?tokens|reduce the length|string_above_max_length|exceeds? (the )?(model.{0,12} )?(maximum|max|limit)[^.]{0,30}(tokens|length|context)|payload too large|entity too large/i;

/** Whether one prompt, and no other, is refused: for what it says or for its length. */
function promptRefusal(status: number, said: string): PromptRefusal | null {
  if (status === 413) return 'length';
  if (status !== 400 && status !== 403 && status !== 422) return null;
  if (content.test(said)) return 'content';
  return status !== 403 && length.test(said) ? 'length' : null;
}

/** One line, without control characters or secrets. */
function shownText(text: string, redaction: Redaction): string {
  const out = redaction
    .message(text)
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim();
  return out.length > shownCharacters ? `${out.slice(0, shownCharacters)}…` : out;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
