/** The connection on which the server pushes. It is asked from where this page has read to, when the view changes and
 *  after every break, so that nothing comes twice and nothing is lost. */
import { computed, effect, signal } from '@preact/signals';
import type { LiveEvent, LiveRequest } from '../../src/server/runs/protocol.js';
import { jsonBody, send } from '../shared/ask.js';
import { cursorOf, takeMetrics } from './metrics.js';
import { comparedIds, route, routeId } from './route.js';
import { listSinceMs, takeList } from './runList.js';

/** refused: the token is no longer the right one. */
export const connection = signal<'opening' | 'live' | 'lost' | 'refused'>('opening');
/** The last thing that is no longer what it was; a new object each time. */
export const changed = signal<Extract<LiveEvent, { kind: 'changed' }> | null>(null);

/** The server says something at least every 10 seconds. */
const silenceMs = 25_000;
const retryMs = 1000;

/** Follows what the view shows, for as long as the page is open. */
export function startLive(): void {
  const watched = computed(() => JSON.stringify(watchedIds()));
  effect(() => {
    const ids = JSON.parse(watched.value) as readonly string[]; // Equal lists are one value.
    const stop = new AbortController();
    void followUntil(ids, stop.signal);
    return () => {
      stop.abort();
    };
  });
}

function watchedIds(): readonly string[] {
  const { room } = route.value;
  if (room === 'compare') return comparedIds.value;
  return (room === 'run' || room === 'dialogues') && routeId.value !== '' ? [routeId.value] : [];
}

async function followUntil(ids: readonly string[], stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    try {
      if (!(await followOnce(ids, stop))) return;
    } catch {
      // Any break of the connection: it is opened again below.
    }
    if (stop.aborted) return;
    if (connection.value === 'live') connection.value = 'lost';
    await new Promise((resolve) => setTimeout(resolve, retryMs));
  }
}

/** Returns whether to try again once the connection has ended. */
async function followOnce(ids: readonly string[], stop: AbortSignal): Promise<boolean> {
  const silence = new AbortController();
  let timer = setTimeout(() => undefined, 0);
  const heard = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      silence.abort();
    }, silenceMs);
  };
  heard();
  try {
    const request: LiveRequest = {
      list: { sinceMs: listSinceMs() },
      runs: ids.map((id) => ({ id, cursor: cursorOf(id) })),
    };
    const signal = AbortSignal.any([stop, silence.signal]);
    const response = await send('/api/live', { ...jsonBody(request), signal });
    if (response.status === 401) connection.value = 'refused';
    // The view itself says what is wrong with a run that is refused; one that is not there may come.
    if (!response.ok || response.body === null) return response.status >= 500 || response.status === 404;
    connection.value = 'live';
    for await (const event of eventsOf(response.body)) {
      heard();
      if (stop.aborted) return false;
      take(event);
    }
    return true;
  } finally {
    clearTimeout(timer);
  }
}

function take(event: LiveEvent): void {
  switch (event.kind) {
    case 'list':
      takeList(event);
      break;
    case 'metrics':
      takeMetrics(event);
      break;
    case 'changed':
      changed.value = event;
      break;
    case 'beat':
      break;
  }
}

/** Reads server-sent events, each a document on one line. */
async function* eventsOf(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<LiveEvent> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const lines = (rest + part.value).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (!line.startsWith('data: {')) continue;
        const event = JSON.parse(line.slice('data: '.length)) as LiveEvent | { readonly error: unknown };
        if ('error' in event) return;
        yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
