/** The state of the page, and what a person can do to it. One request is in work at a time; one that failed is kept and
 *  may be sent again. Until the server has answered that a choice is kept, the page stays where it is. */
import { batch, computed, signal } from '@preact/signals';
import type { Asking, Pass, ShownItem, TaskFacts, View } from '../../src/server/labels/protocol.js';
import { RequestError } from '../shared/ask.js';
import { askTask, askView, type ViewRequest } from './api.js';
import { keep, ofPerson, ofTab, readKept, tabName } from '../shared/kept.js';

export interface Failure {
  readonly message: string;
  /** It is null when sending again is no use. */
  readonly request: ViewRequest | 'task' | null;
}

const tab = tabName();
/** A server that does not answer is asked again after this time. */
const retryMs = 2000;

export const task = signal<TaskFacts | null>(null);
export const view = signal<View | null>(null);
export const pass = signal<Pass>('open');
export const labeller = signal('');
/** Whether a request is in work. */
export const isBusy = signal(false);
export const failure = signal<Failure | null>(null);
/** The item whose covered text was asked for. */
export const unveiled = signal<string | null>(null);
export const note = signal('');
export const isNoteOpen = signal(false);
/** Says what was done last, for screen readers. */
export const message = signal('');
export const dialog = signal<'help' | 'name' | null>(null);
export const hasKeys = signal(readKept(ofPerson, 'keys') !== 'off');

export const item = computed<ShownItem | null>(() => view.value?.item ?? null);
export const isVeiled = computed(
  () => item.value !== null && item.value.veil !== null && unveiled.value !== item.value.id,
);

export async function start(): Promise<void> {
  isBusy.value = true;
  try {
    const facts = await askTask();
    task.value = facts;
    labeller.value = readKept(ofPerson, `labeller.${facts.labeller}`) ?? facts.labeller;
    failure.value = null;
    document.title = `${facts.name} – Gadfly`;
  } catch (error) {
    fail(error, 'task');
    return;
  } finally {
    isBusy.value = false;
  }
  await send({ path: '/api/next', body: asking() });
}

export async function tryAgain(): Promise<void> {
  const request = failure.value?.request ?? null;
  if (request === null || isBusy.value) return;
  await (request === 'task' ? start() : send(request));
}

/** Gives the item that is shown a label, or skips it with null. */
export async function choose(label: string | null): Promise<void> {
  const shown = item.value;
  if (shown === null || isBusy.value || failure.value !== null) return;
  const text = note.value.trim();
  const { id, probability } = shown;
  const body = { ...asking(), id, probability, label, ...(text === '' ? {} : { note: text }) };
  await send({ path: '/api/choices', body }, label === null ? 'Skipped.' : `Labelled ${label}.`);
}

export async function undo(): Promise<void> {
  const id = view.value?.undo ?? null;
  if (id === null || isBusy.value || failure.value !== null) return;
  await send({ path: '/api/undo', body: { ...asking(), id } }, 'Taken back.');
}

export async function changePass(to: Pass): Promise<void> {
  if (isBusy.value || failure.value !== null) return;
  pass.value = to;
  await send({ path: '/api/next', body: asking() });
}

export async function changeLabeller(name: string): Promise<void> {
  if (isBusy.value || task.value === null) return;
  labeller.value = name;
  keep(ofPerson, `labeller.${task.value.labeller}`, name);
  pass.value = 'open';
  failure.value = null;
  await send({ path: '/api/next', body: asking() }, `${name} labels now.`);
}

export function toggleVeil(): void {
  const shown = item.value;
  if (shown === null || shown.veil === null) return;
  unveiled.value = isVeiled.value ? shown.id : null;
  message.value = isVeiled.value ? 'The text is covered.' : 'The text is shown.';
}

export function changeNote(text: string): void {
  note.value = text;
  keep(ofTab, 'note', item.value === null ? null : JSON.stringify([item.value.id, text]));
}

export function switchKeys(on: boolean): void {
  hasKeys.value = on;
  keep(ofPerson, 'keys', on ? null : 'off');
}

function asking(): Asking {
  return { labeller: labeller.value, tab, pass: pass.value };
}

async function send(request: ViewRequest, done = ''): Promise<void> {
  isBusy.value = true;
  try {
    show(await askView(request), done);
  } catch (error) {
    fail(error, request);
  } finally {
    isBusy.value = false;
  }
}

function show(next: View, done: string): void {
  const isOther = next.item?.id !== item.value?.id;
  batch(() => {
    view.value = next;
    failure.value = null;
    message.value = done;
    if (!isOther) return;
    unveiled.value = null;
    note.value = next.item === null ? '' : (draftOf(next.item.id) ?? next.item.note ?? '');
    isNoteOpen.value = note.value !== '';
  });
}

/** The note that was being written when the page was left. */
function draftOf(id: string): string | null {
  const draft: unknown = JSON.parse(readKept(ofTab, 'note') ?? 'null');
  return Array.isArray(draft) && draft[0] === id && typeof draft[1] === 'string' ? draft[1] : null;
}

function fail(error: unknown, request: ViewRequest | 'task'): void {
  const status = error instanceof RequestError ? error.status : null;
  const reason = error instanceof Error ? error.message : String(error);
  if (status === null) {
    tell('The server does not answer. Your last choice may not be saved yet; all before it is.', request);
    setTimeout(() => void tryAgain(), retryMs);
  } else if (status === 401) {
    tell('The server was started anew: open the address that it has printed. All that you labelled is kept.', null);
  } else tell(`The server refuses: ${reason}`, request);
}

/** A message that is there already is not said again. */
function tell(text: string, request: Failure['request']): void {
  if (failure.value?.message !== text || failure.value.request !== request) failure.value = { message: text, request };
}
