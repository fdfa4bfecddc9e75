/** The page of all runs and its API of JSON (protocol.ts). Requests are questions, but for those that start and stop runs
 *  (jobDesk.ts). */
import type { Hono } from 'hono';
import { z } from 'zod';
import { systemClock, type Clock } from '../../base/clock.js';
import { jsonText, type JsonValue } from '../../base/json.js';
import { readReportView } from '../../report/reportView.js';
import { holdsSweep } from '../../report/sweepFile.js';
import { readSweepView } from '../../report/sweepView.js';
import { eventStream } from '../eventStream.js';
import { hasToken } from '../guards.js';
import { createPageApp, readBody } from '../pageApp.js';
import type { WebPage } from '../webPage.js';
import type { JobDesk } from './jobDesk.js';
import { liveEvents } from './liveEvents.js';
import type { CompareRequest, DialoguesRequest, LiveEvent, LiveRequest, PlanRequest } from './protocol.js';
import { RunDialogues } from './runDialogues.js';
import { runFolder } from './runId.js';
import type { RunList } from './runList.js';
import { clusterTexts, compareRuns, runSummary, sweepSummary } from './runSummary.js';

export interface RunsAppOptions {
  readonly token: string;
  readonly page: WebPage;
  readonly clock?: Clock;
  /** Starts runs; without it the page only shows them. */
  readonly jobs?: JobDesk | null;
}

/** The page names its own script by a hash; in the sandbox it has no part in the origin of the page of runs. */
const reportPolicy =
  "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Indexes of this many runs are kept. */
const keptIndexes = 4;
const mostCompared = 12;

const id = z.string().min(1).max(1000);
const count = z.int().min(0);
const idSchema = z.strictObject({ id });
const lineSchema = z.strictObject({ id, line: count });
const clusterSchema = z.strictObject({ id, cluster: z.int() });
const compareSchema: z.ZodType<CompareRequest> = z.strictObject({ runs: z.array(id).min(1).max(mostCompared) });
const liveSchema: z.ZodType<LiveRequest> = z.strictObject({
  list: z.strictObject({ sinceMs: z.number() }).nullable(),
  runs: z
    .array(z.strictObject({ id, cursor: z.strictObject({ bytes: count, mark: z.string().max(64) }) }))
    .max(mostCompared),
});
const changes = {
  set: z
    .array(
      z
        .string()
        .regex(/^[^=\s-][^=]*=/, 'a change is PATH=VALUE')
        .max(2000),
    )
    .max(50),
  seed: z.int().nullable(),
};
const planSchema: z.ZodType<PlanRequest> = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('new'),
    recipe: z.string().max(1000),
    folder: z.string().max(100).nullable(),
    ...changes,
  }),
  z.strictObject({ kind: z.literal('resume'), id, ...changes }),
]);
const startSchema = z.strictObject({ plan: z.string().max(100) });
const dialoguesSchema: z.ZodType<DialoguesRequest> = z.strictObject({
  id,
  words: z.string().max(500),
  saidBy: z.enum(['anyone', 'adversary', 'target']),
  minHarm: z.number(),
  maxHarm: z.number(),
  minNll: z.number().nullable(),
  maxNll: z.number().nullable(),
  failed: z.boolean().nullable(),
  stage: z.string().max(500).nullable(),
  epoch: z.int().nullable(),
  order: z.enum(['worst', 'likeliest', 'reward', 'newest', 'oldest']),
  from: count,
  count: z.int().min(0).max(200),
  withText: z.boolean(),
});

export function createRunsApp(list: RunList, { token, page, clock = systemClock, jobs = null }: RunsAppOptions): Hono {
  const indexes = new Map<string, RunDialogues>();
  const dialoguesOf = (run: string): RunDialogues => {
    const folder = runFolder(list.root, run);
    const known = indexes.get(folder) ?? new RunDialogues(folder, clock);
    indexes.delete(folder);
    indexes.set(folder, known);
    for (const oldest of [...indexes.keys()].slice(0, -keptIndexes)) indexes.delete(oldest);
    return known;
  };
  const app = createPageApp({ token, page, command: 'gadfly ui' });
  app.get('/report', async (context) => {
    if (!hasToken(context.req.query('token'), token)) return context.text('This address lacks its token.', 401);
    const html = await reportPage(runFolder(list.root, context.req.query('id') ?? ''));
    return context.html(html, 200, { 'content-security-policy': reportPolicy });
  });
  app.get('/api/place', (context) => context.json({ folder: list.root }));
  app.post('/api/run', async (context) => context.json(runSummary(list, (await readBody(context, idSchema)).id)));
  app.post('/api/cluster', async (context) => {
    const asked = await readBody(context, clusterSchema);
    return context.json(clusterTexts(list, asked.id, asked.cluster));
  });
  app.post('/api/sweep', async (context) => context.json(sweepSummary(list, (await readBody(context, idSchema)).id)));
  app.post('/api/compare', async (context) =>
    context.json(compareRuns(list, (await readBody(context, compareSchema)).runs)),
  );
  app.post('/api/dialogues', async (context) => {
    const asked = await readBody(context, dialoguesSchema);
    return context.json(await dialoguesOf(asked.id).page(asked));
  });
  app.post('/api/dialogue', async (context) => {
    const asked = await readBody(context, lineSchema);
    return context.json(await dialoguesOf(asked.id).dialogue(asked.line));
  });
  app.post('/api/live', async (context) => {
    const asked = await readBody(context, liveSchema);
    return eventStream(asJson(liveEvents(list, asked, { clock, signal: context.req.raw.signal })));
  });
  if (jobs !== null) addJobRoutes(app, jobs);
  return app;
}

function addJobRoutes(app: Hono, jobs: JobDesk): void {
  app.get('/api/recipes', (context) => context.json(jobs.recipes));
  app.get('/api/job', (context) => context.json({ job: jobs.job }));
  app.post('/api/plan', async (context) => context.json(await jobs.plan(await readBody(context, planSchema))));
  app.post('/api/start', async (context) =>
    context.json({ job: jobs.start((await readBody(context, startSchema)).plan) }),
  );
  app.post('/api/stop', async (context) => {
    await readBody(context, z.strictObject({}));
    return context.json({ job: jobs.stop() });
  });
}

/** The static page of a run or a sweep, made anew from what is on the disk. */
async function reportPage(folder: string): Promise<string> {
  const { renderHtml, renderSweepHtml } = await import('../../render/html/renderHtml.js');
  if (!holdsSweep(folder)) return renderHtml(await readReportView(folder));
  return renderSweepHtml(readSweepView(folder));
}

/** Events are of JSON, though interfaces do not have the type of it. */
async function* asJson(events: AsyncGenerator<LiveEvent>): AsyncGenerator<JsonValue> {
  for await (const event of events) yield JSON.parse(jsonText(event)) as JsonValue; // Written as JSON just now.
}
