/** Requests of every server here: the body is JSON of a limited size, and each failure is answered as an error of the
 *  API. */
import type { Context, Hono, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { ApiError, asApiError, badRequest } from './apiError.js';

export function limitBody(maxBytes: number): MiddlewareHandler {
  return bodyLimit({
    maxSize: maxBytes,
    onError: () => {
      throw new ApiError(413, `the body is longer than ${maxBytes} bytes`, { code: 'body_too_large' });
    },
  });
}

/** Answers unknown addresses and whatever a route throws. */
export function answerFailures(app: Hono): void {
  app.notFound((context) =>
    context.json(
      new ApiError(404, `no such address: ${context.req.method} ${context.req.path}`, { code: 'not_found' }).body,
      404,
    ),
  );
  app.onError((error, context) => {
    const { status, body } = asApiError(error);
    if (status === 429 || status === 503) context.header('retry-after', '1');
    return context.json(body, status as ContentfulStatusCode); // ApiError holds statuses that have a body.
  });
}

/** @throws ApiError for a body that is not JSON */
export async function bodyOf(context: Context): Promise<unknown> {
  try {
    return await context.req.json<unknown>();
  } catch (cause) {
    throw badRequest(`the body is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
