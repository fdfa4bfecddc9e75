/** The page of all runs and its API of JSON (protocol.ts). Every request is a question: nothing here changes a run. */
import type { Hono } from 'hono';
import { z } from 'zod';
import { systemClock, type Clock } from '../../base/clock.js';
import { jsonText, type JsonValue } from '../../base/json.js';
import { eventStream } from '../eventStream.js';
import { createPageApp, readBody } from '../pageApp.js';
import type { WebPage } from '../webPage.js';
import { liveEvents } from './liveEvents.js';
import type { CompareRequest, DialoguesRequest, LiveEvent, LiveRequest } from './protocol.js';
import { RunDialogues } from './runDialogues.js';
import { runFolder } from './runId.js';
import type { RunList } from './runList.js';
import { compareRuns, runSummary, sweepSummary } from './runSummary.js';

export interface RunsAppOptions {
  readonly token: string;
  readonly page: WebPage;
  readonly clock?: Clock;
}

/** Indexes of this many runs are kept. */
const keptIndexes = 4;
const mostCompared = 12;

const id = z.string().min(1).max(1000);
const count = z.int().min(0);
const idSchema = z.strictObject({ id });
const lineSchema = z.strictObject({ id, line: count });
const compareSchema: z.ZodType<CompareRequest> = z.strictObject({ runs: z.array(id).min(1).max(mostCompared) });
const liveSchema: z.ZodType<LiveRequest> = z.strictObject({
  list: z.strictObject({ sinceMs: z.number() }).nullable(),
  runs: z
    .array(z.strictObject({ id, cursor: z.strictObject({ bytes: count, mark: z.string().max(64) }) }))
    .max(mostCompared),
});
const dialoguesSchema: z.ZodType<DialoguesRequest> = z.strictObject({
  id,
  words: z.string().max(500),
  saidBy: z.enum(['anyone', 'adversary', 'target']),
  minHarm: z.number(),
  maxHarm: z.number(),
  failed: z.boolean().nullable(),
  stage: z.string().max(500).nullable(),
  epoch: z.int().nullable(),
  order: z.enum(['worst', 'likeliest', 'reward', 'newest', 'oldest']),
  from: count,
  count: z.int().min(0).max(200),
  withText: z.boolean(),
});

export function createRunsApp(list: RunList, { token, page, clock = systemClock }: RunsAppOptions): Hono {
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
  app.get('/api/place', (context) => context.json({ folder: list.root }));
  app.post('/api/run', async (context) => context.json(runSummary(list, (await readBody(context, idSchema)).id)));
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
  return app;
}

/** Events are of JSON, though interfaces do not have the type of it. */
async function* asJson(events: AsyncGenerator<LiveEvent>): AsyncGenerator<JsonValue> {
  for await (const event of events) yield JSON.parse(jsonText(event)) as JsonValue; // Written as JSON just now.
}
