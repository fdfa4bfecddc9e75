/** Says how another process opens the same speaker or judge. Kept beside the objects, not in them: what is wrapped and
 *  thereby changed has no origin unless the wrapper says that it only watches. */
import type { JsonObject } from '../base/json.js';

/** Lets a folder be written to where other processes find it. Returns the name by which they do. */
export type PublishFolder = (write: (folder: string) => Promise<void>) => Promise<string>;

export interface Origin {
  /** Returns what another process needs, as JSON. Weights are published, and named by what they hold. */
  readonly describe: (publish: PublishFolder) => Promise<JsonObject>;
  /** Called with the counts of what was done elsewhere in its place, by name. */
  readonly countElsewhere?: (counts: Readonly<Record<string, unknown>>) => void;
}

const origins = new WeakMap<object, Origin>();

/** Returns the same participant, whose origin is known from now on. */
export function withOrigin<Participant extends object>(participant: Participant, origin: Origin): Participant {
  origins.set(participant, origin);
  return participant;
}

/** Returns the wrapper, which says and judges the same as what it wraps.
 *  @param change of the origin, such as work that must be done first */
export function keepOrigin<Wrapper extends object>(
  wrapper: Wrapper,
  wrapped: object,
  change: (origin: Origin) => Origin = (origin) => origin,
): Wrapper {
  const origin = origins.get(wrapped);
  if (origin !== undefined) origins.set(wrapper, change(origin));
  return wrapper;
}

/** Returns null for a participant that no other process can open. */
export function originOf(participant: object): Origin | null {
  return origins.get(participant) ?? null;
}
