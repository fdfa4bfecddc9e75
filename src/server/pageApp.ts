/** The part that every page of this machine has: host, origin and token are looked at before anything is answered, the
 *  page loads nothing from elsewhere, and its API below /api/ takes and gives JSON. */
import { Hono, type Context, type MiddlewareHandler } from 'hono';
import type { z } from 'zod';
import { badRequest } from './apiError.js';
import { hasToken, requireJson, requireLoopbackHost, requireToken } from './guards.js';
import { answerFailures, bodyOf, limitBody } from './requests.js';
import type { WebPage } from './webPage.js';

export interface PageAppOptions {
  readonly token: string;
  readonly page: WebPage;
  /** The command whose output has the page's address: 'gadfly label'. */
  readonly command: string;
}

const maxBodyBytes = 64 * 1024;

/** Returns an app that serves the page and its assets; the routes of its API are the caller's to add. */
export function createPageApp({ token, page, command }: PageAppOptions): Hono {
  const app = new Hono();
  app.use(securityHeaders());
  app.use(requireLoopbackHost());
  app.get('/', (context) => {
    if (!hasToken(context.req.query('token'), token))
      return context.text(`This address lacks its token: open the one that \`${command}\` has printed.`, 401);
    return context.html(page.html);
  });
  app.get('/assets/:name', (context) => {
    const asset = page.assets.get(context.req.param('name'));
    if (asset === undefined) return context.notFound();
    return context.body(asset.content, 200, { 'content-type': asset.type });
  });
  app.use('/api/*', requireToken(token), requireJson(), limitBody(maxBodyBytes));
  answerFailures(app);
  return app;
}

/** Reads the body of a request through a schema. @throws ApiError naming the field at fault */
export async function readBody<T>(context: Context, schema: z.ZodType<T>): Promise<T> {
  const parsed = schema.safeParse(await bodyOf(context));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = issue?.path.map(String).join('.') ?? '';
  throw badRequest(`${path === '' ? 'request' : path}: ${issue?.message ?? 'invalid'}`, path);
}

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

function securityHeaders(): MiddlewareHandler {
  return async (context, next) => {
    await next();
    if (context.res.headers.get('content-security-policy') === null) context.header('content-security-policy', policy);
    context.header('x-content-type-options', 'nosniff');
    context.header('referrer-policy', 'no-referrer');
    context.header('cache-control', 'no-store');
  };
}
