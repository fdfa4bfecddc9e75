/** The routes of the endpoint and what stands before them: host, token, type and size of the body. Every failure is an
 *  OpenAI error. */
import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { ApiError, asApiError, badRequest } from './apiError.js';
import { chatCompletions } from './chatCompletions.js';
import { requireJson, requireLoopbackHost, requireToken } from './guards.js';
import { createdAt, type ServedModel } from './served.js';
import { textCompletions } from './textCompletions.js';

export interface AppOptions {
  /** With null, every process of this machine may ask. */
  readonly token: string | null;
  readonly maxBodyBytes: number;
}

export function createApp(served: ServedModel, { token, maxBodyBytes }: AppOptions): Hono {
  const app = new Hono();
  const facts = {
    id: served.name,
    object: 'model',
    created: createdAt(served),
    owned_by: 'gadfly',
    max_model_len: served.model.contextLength,
  };
  app.use(requireLoopbackHost());
  app.get('/health', (context) => context.json({ status: 'ok', ...served.queue.counts() }));
  if (token !== null) app.use('/v1/*', requireToken(token));
  app.use('/v1/*', requireJson());
  app.use(
    '/v1/*',
    bodyLimit({
      maxSize: maxBodyBytes,
      onError: () => {
        throw new ApiError(413, `the body is longer than ${maxBodyBytes} bytes`, { code: 'body_too_large' });
      },
    }),
  );
  app.get('/v1/models', (context) => context.json({ object: 'list', data: [facts] }));
  app.get('/v1/models/:name{.+}', (context) => {
    const name = context.req.param('name');
    if (name !== served.name)
      throw new ApiError(404, `the model '${name}' is not served here`, { param: 'model', code: 'model_not_found' });
    return context.json(facts);
  });
  app.post('/v1/chat/completions', async (context) =>
    chatCompletions(served, await bodyOf(context), context.req.raw.signal),
  );
  app.post('/v1/completions', async (context) =>
    textCompletions(served, await bodyOf(context), context.req.raw.signal),
  );
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
  return app;
}

async function bodyOf(context: Context): Promise<unknown> {
  try {
    return await context.req.json<unknown>();
  } catch (cause) {
    throw badRequest(`the body is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
