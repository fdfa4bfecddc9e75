/** The dialogues that match what is asked for. The address holds the question, so that any view of them can be linked
 *  to; answers come in blocks, as far as a reader has scrolled. */
import { batch, computed, effect, signal } from '@preact/signals';
import type {
  DialogueOrder,
  DialoguePage,
  DialogueQuery,
  ListedDialogue,
  ShownDialogue,
} from '../../src/server/runs/protocol.js';
import { RequestError } from '../shared/ask.js';
import { askDialogue, askDialogues } from './api.js';
import { changed } from './live.js';
import { changeParameters, route, routeId } from './route.js';

export const blockSize = 60;
/** While the index is being built, what is found grows. */
const growingMs = 700;
const retryMs = 1000;

export const orders: readonly (readonly [DialogueOrder, string])[] = [
  ['worst', 'worst first'],
  ['likeliest', 'likeliest first'],
  ['reward', 'most rewarded first'],
  ['newest', 'newest first'],
  ['oldest', 'in order'],
];

/** Whether texts are shown. They are covered again after a reload. */
export const isUnveiled = signal(false);
export const found = signal<Omit<DialoguePage, 'dialogues'> | null>(null);
export const failure = signal<string | null>(null);
/** Whether dialogues came that the list does not have yet. */
export const hasNews = signal(false);
/** The dialogue that is open. */
export const shown = signal<ShownDialogue | null>(null);
export const blocks = signal<ReadonlyMap<number, readonly ListedDialogue[]>>(new Map());

export const query = computed<DialogueQuery>(() => {
  const { parameters } = route.value;
  const number = (name: string, standard: number): number => {
    const given = parameters.get(name);
    return given === null || given === '' || Number.isNaN(Number(given)) ? standard : Number(given);
  };
  const bound = (name: string): number | null => {
    const given = number(name, NaN);
    return Number.isNaN(given) ? null : given;
  };
  const [by, failed, epoch] = [parameters.get('by'), parameters.get('failed'), parameters.get('epoch')];
  const order = orders.find(([name]) => name === parameters.get('order'))?.[0] ?? 'worst';
  return {
    id: routeId.value,
    words: parameters.get('words') ?? '',
    saidBy: by === 'adversary' || by === 'target' ? by : 'anyone',
    minHarm: number('min', 0),
    maxHarm: number('max', 1),
    minNll: bound('from'),
    maxNll: bound('to'),
    failed: failed === 'yes' ? true : failed === 'no' ? false : null,
    stage: parameters.get('stage'),
    epoch: epoch === null || !/^\d+$/.test(epoch) ? null : Number(epoch),
    order,
  };
});

/** The line of rollouts.jsonl that is open, from 0; null for none. */
export const openLine = computed(() => {
  const line = route.value.parameters.get('line');
  return line !== null && /^\d+$/.test(line) ? Number(line) : null;
});

export function openDialogue(line: number | null): void {
  changeParameters({ line: line === null ? null : String(line) });
}

export function ask(changes: Readonly<Record<string, string | null>>): void {
  changeParameters(changes);
}

const asked = computed(() => JSON.stringify([query.value, isUnveiled.value]));
let generation = 0;
const inWork = new Set<number>();

/** Follows the address for as long as the room is open. Returns how to stop. */
export function followDialogues(): () => void {
  const stops = [
    effect(() => {
      if (asked.value !== '') startAnew();
    }),
    effect(() => {
      const [id, line] = [routeId.value, openLine.value];
      if (line === null) shown.value = null;
      else void load(id, line);
    }),
    effect(() => {
      const news = changed.value;
      if (news?.what === 'dialogues' && news.id === routeId.peek()) hasNews.value = true;
    }),
  ];
  return () => {
    generation++;
    for (const stop of stops) stop();
    batch(() => {
      found.value = null;
      shown.value = null;
      blocks.value = new Map();
      hasNews.value = false;
    });
  };
}

/** Asks again from the first block; what is shown stays until the answer is there. */
export function startAnew(): void {
  generation++;
  inWork.clear();
  void loadBlock(0, true);
}

/** Loads the blocks of a range that are not there yet. */
export function ensureRange(first: number, last: number): void {
  for (let block = Math.floor(first / blockSize); block <= Math.floor(last / blockSize); block++)
    if (!blocks.peek().has(block)) void loadBlock(block, false);
}

async function loadBlock(block: number, isAnew: boolean): Promise<void> {
  if (inWork.has(block)) return;
  inWork.add(block);
  const own = generation;
  const isStale = (): boolean => own !== generation;
  try {
    const request = { ...query.peek(), from: block * blockSize, count: blockSize, withText: isUnveiled.peek() };
    const { dialogues, ...facts } = await askDialogues(request);
    if (isStale()) return;
    const isGrowing = !facts.isWhole;
    batch(() => {
      // Dialogues that were counted since may have moved the others.
      const isOther = found.peek()?.indexed !== facts.indexed || isAnew;
      blocks.value = new Map([...(isOther ? [] : blocks.peek()), [block, dialogues]]);
      found.value = facts;
      failure.value = null;
      if (isAnew) hasNews.value = false;
    });
    if (isGrowing) later(growingMs, own);
  } catch (error) {
    if (isStale()) return;
    const isAway = error instanceof RequestError && error.status === null;
    failure.value = isAway ? null : error instanceof Error ? error.message : String(error);
    if (isAway) later(retryMs, own);
  } finally {
    if (!isStale()) inWork.delete(block);
  }
}

function later(afterMs: number, own: number): void {
  setTimeout(() => {
    if (own === generation) startAnew();
  }, afterMs);
}

async function load(id: string, line: number): Promise<void> {
  const isStale = (): boolean => id !== routeId.peek() || line !== openLine.peek();
  try {
    const dialogue = await askDialogue(id, line);
    if (!isStale()) shown.value = dialogue;
  } catch (error) {
    if (isStale()) return;
    if (error instanceof RequestError && error.status === null) setTimeout(() => void load(id, line), retryMs);
    else failure.value = error instanceof Error ? error.message : String(error);
  }
}

/** Returns the dialogue of a place in the list, where it is loaded. */
export function dialogueAt(place: number): ListedDialogue | null {
  return blocks.value.get(Math.floor(place / blockSize))?.[place % blockSize] ?? null;
}

export function toggleVeil(): void {
  isUnveiled.value = !isUnveiled.value;
}
