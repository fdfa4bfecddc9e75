/** The routes of the endpoint and what stands before them: host, token, type and size of the body. Every failure is an
 *  OpenAI error. */
import { Hono } from 'hono';
import { ApiError } from './apiError.js';
import { chatCompletions } from './chatCompletions.js';
import { requireJson, requireLoopbackHost, requireToken } from './guards.js';
import { answerFailures, bodyOf, limitBody } from './requests.js';
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
  app.use('/v1/*', limitBody(maxBodyBytes));
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
  answerFailures(app);
  return app;
}
