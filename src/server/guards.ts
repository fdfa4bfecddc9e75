/** Answered are requests of this machine, addressed to it, with the token. A page of the web that resolves its name to
 *  the loopback (DNS rebinding) still names itself in Host, a page that posts across origins in Origin: both are
 *  refused. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { ApiError } from './apiError.js';

const loopback = new Set(['127.0.0.1', 'localhost', '[::1]']);

export function requireLoopbackHost(): MiddlewareHandler {
  return async (context, next) => {
    const { host, origin } = { host: context.req.header('host') ?? '', origin: context.req.header('origin') };
    if (!loopback.has(hostName(host)))
      throw forbidden(`this server answers to 127.0.0.1 and localhost, not to the host '${host}'`, 'host');
    if (origin !== undefined && !loopback.has(originName(origin)))
      throw forbidden(`pages of ${origin} may not ask this server`, 'origin');
    await next();
  };
}

function hostName(host: string): string {
  return host.replace(/:\d+$/, '').toLowerCase();
}

function originName(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).hostname : '';
}

function forbidden(message: string, code: string): ApiError {
  return new ApiError(403, message, { type: 'permission_error', code });
}

/** Compared by digests in constant time, so that neither content nor length can be guessed by the clock. */
export function hasToken(given: string | undefined, token: string): boolean {
  return given !== undefined && timingSafeEqual(digest(given), digest(token));
}

/** Refuses requests without the token as their bearer token.
 *  @param keyHeader a header that may hold it as well */
export function requireToken(token: string, keyHeader?: string): MiddlewareHandler {
  return async (context, next) => {
    const [, bearer] = /^Bearer\s+(.+)$/i.exec(context.req.header('authorization') ?? '') ?? [];
    const given = bearer ?? (keyHeader === undefined ? undefined : context.req.header(keyHeader));
    if (!hasToken(given, token)) {
      context.header('www-authenticate', 'Bearer');
      throw new ApiError(
        401,
        given === undefined ? 'a bearer token is needed' : 'the bearer token is not the right one',
        {
          type: 'authentication_error',
          code: 'invalid_api_key',
        },
      );
    }
    await next();
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** A form of a web page could send other types without asking first. */
export function requireJson(): MiddlewareHandler {
  return async (context, next) => {
    const type = context.req.header('content-type') ?? '';
    if (context.req.method === 'POST' && !/^application\/json\b/i.test(type)) {
      throw new ApiError(415, `the body must be application/json, not '${type}'`, { code: 'content_type' });
    }
    await next();
  };
}
