/** The labelling page and its API of JSON (protocol.ts). */
import type { Context, Hono } from 'hono';
import { z } from 'zod';
import { createPageApp, readBody } from '../pageApp.js';
import type { DeskView, LabelDesk } from './labelDesk.js';
import type { ChoiceRequest, NextRequest, TaskFacts, UndoRequest, View } from './protocol.js';
import type { VeilOf } from './veil.js';
import type { WebPage } from '../webPage.js';

export interface LabelsAppOptions {
  readonly token: string;
  /** Name of the labeller unless the page gives another. */
  readonly labeller: string;
  readonly page: WebPage;
  readonly veil: VeilOf;
}

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
  const app = createPageApp({ token, page, command: 'gadfly label' });
  app.get('/api/task', (context) => context.json(facts));
  app.post('/api/next', async (context) => answer(context, desk.next(await readBody(context, nextSchema))));
  app.post('/api/choices', async (context) => answer(context, desk.choose(await readBody(context, choiceSchema))));
  app.post('/api/undo', async (context) => answer(context, desk.undo(await readBody(context, undoSchema))));
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
