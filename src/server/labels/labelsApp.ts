/** The routes of the labelling page: the page itself, its assets, and a small API of JSON (protocol.ts). Host, origin and
 *  token are looked at before anything is answered; the page loads nothing from elsewhere. */
import { Hono, type Context, type MiddlewareHandler } from 'hono';
import { z } from 'zod';
import { badRequest } from '../apiError.js';
import { hasToken, requireJson, requireLoopbackHost, requireToken } from '../guards.js';
import { answerFailures, bodyOf, limitBody } from '../requests.js';
import type { DeskView, LabelDesk } from './labelDesk.js';
import type { ChoiceRequest, NextRequest, TaskFacts, UndoRequest, View } from './protocol.js';
import type { VeilOf } from './veil.js';
import type { WebPage } from './webPage.js';

export interface LabelsAppOptions {
  readonly token: string;
  /** Name of the labeller unless the page gives another. */
  readonly labeller: string;
  readonly page: WebPage;
  readonly veil: VeilOf;
}

const maxBodyBytes = 64 * 1024;

const name = z.string().trim().min(1).max(60);
const asking = { labeller: name, tab: name, pass: z.enum(['open', 'skipped', 'disagreements']) };
const id = z.string().min(1).max(200);
const nextSchema: z.ZodType<NextRequest> = z.strictObject(asking);
const choiceSchema: z.ZodType<ChoiceRequest> = z.strictObject({
  ...asking,
  id,
  label: z.string().nullable(),
  probability: z.number().gt(0).max(1),
  note: z.string().max(4000).exactOptional(),
});
const undoSchema: z.ZodType<UndoRequest> = z.strictObject({ ...asking, id });

export function createLabelsApp(desk: LabelDesk, { token, labeller, page, veil }: LabelsAppOptions): Hono {
  const { task } = desk;
  const facts: TaskFacts = {
    name: task.name,
    labels: task.labels,
    perItem: task.perItem,
    items: task.items.length,
    labeller,
  };
  const answer = async (context: Context, view: DeskView): Promise<Response> => {
    const { item } = view;
    const whole: View = { ...view, item: item === null ? null : await withVeil(desk, item, veil) };
    return context.json(whole);
  };
  const app = new Hono();
  app.use(securityHeaders());
  app.use(requireLoopbackHost());
  app.get('/', (context) => {
    if (!hasToken(context.req.query('token'), token))
      return context.text('This address lacks its token: open the one that `gadfly label` has printed.', 401);
    return context.html(page.html);
  });
  app.get('/assets/:name', (context) => {
    const asset = page.assets.get(context.req.param('name'));
    if (asset === undefined) return context.notFound();
    return context.body(asset.content, 200, { 'content-type': asset.type });
  });
  app.use('/api/*', requireToken(token), requireJson(), limitBody(maxBodyBytes));
  app.get('/api/task', (context) => context.json(facts));
  app.post('/api/next', async (context) => answer(context, desk.next(await read(context, nextSchema))));
  app.post('/api/choices', async (context) => answer(context, desk.choose(await read(context, choiceSchema))));
  app.post('/api/undo', async (context) => answer(context, desk.undo(await read(context, undoSchema))));
  answerFailures(app);
  return app;
}

/** Covers texts that a person has called harmful or the ensemble so far suspects, and asks the judge of the others. */
async function withVeil(desk: LabelDesk, shown: NonNullable<DeskView['item']>, veil: VeilOf): Promise<View['item']> {
  const { item, ...rest } = shown;
  const harmful = desk.task.labels.filter((label) => label.harmful === true).map((label) => label.name);
  const calledHarmful = rest.others.find(({ label }) => harmful.includes(label));
  const { harm } = desk.task.opinions()?.get(item.id) ?? { harm: 0 };
  const reason =
    calledHarmful !== undefined
      ? `${calledHarmful.labeller} has called this text ${calledHarmful.label}.`
      : harm > desk.task.threshold
        ? 'The ensemble so far suspects that this text is harmful.'
        : await veil(item);
  return { id: item.id, text: item.text, veil: reason, ...rest };
}

async function read<T>(context: Context, schema: z.ZodType<T>): Promise<T> {
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
    context.header('content-security-policy', policy);
    context.header('x-content-type-options', 'nosniff');
    context.header('referrer-policy', 'no-referrer');
    context.header('cache-control', 'no-store');
  };
}
