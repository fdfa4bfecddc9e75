/** The place in the page, kept in the hash of its address, so that every view can be linked to and gone back to. */
import { computed, signal } from '@preact/signals';

export type RoomName = 'runs' | 'run' | 'sweep' | 'compare' | 'dialogues' | 'start';

export interface Route {
  readonly room: RoomName;
  readonly parameters: URLSearchParams;
}

const rooms: readonly RoomName[] = ['runs', 'run', 'sweep', 'compare', 'dialogues', 'start'];

const hash = signal(location.hash);
window.addEventListener('hashchange', () => {
  hash.value = location.hash;
});

export const route = computed(() => parseRoute(hash.value));
/** The run, or the sweep, that the view is about; '' for none. */
export const routeId = computed(() => route.value.parameters.get('id') ?? '');

function parseRoute(text: string): Route {
  const [name = '', query = ''] = text.replace(/^#\/?/, '').split('?');
  const room = rooms.find((each) => each === name) ?? 'runs';
  return { room, parameters: new URLSearchParams(query) };
}

export function linkTo(room: RoomName, parameters: Readonly<Record<string, string>> | URLSearchParams = {}): string {
  const query = new URLSearchParams(parameters).toString();
  return `#/${room}${query === '' ? '' : `?${query}`}`;
}

export function goTo(link: string): void {
  location.hash = link;
}

/** Changes parameters of the view without a new step in the history; null takes one away. */
export function changeParameters(changes: Readonly<Record<string, string | null>>): void {
  const { room, parameters } = route.value;
  const next = new URLSearchParams(parameters);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) next.delete(name);
    else next.set(name, value);
  }
  history.replaceState(null, '', linkTo(room, next));
  hash.value = location.hash;
}

/** Runs that are compared, the baseline first. */
export const comparedIds = computed(() =>
  route.value.room === 'compare' ? route.value.parameters.getAll('run').slice(0, 12) : [],
);

export function linkToComparison(ids: readonly string[]): string {
  return linkTo('compare', new URLSearchParams(ids.map((id) => ['run', id])));
}
