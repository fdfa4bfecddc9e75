/** Opens things on first need, and once. */

export interface Once<T> {
  (): Promise<T>;
  /** Whether it has been called. */
  readonly started: () => boolean;
}

/** Runs `open` at the first call only. */
export function once<T>(open: () => Promise<T>): Once<T> {
  let opened: Promise<T> | null = null;
  return Object.assign(() => (opened ??= open()), { started: () => opened !== null });
}

/** Runs `open` at the first call for each key only.
 *  @param nameOf gives equal keys one name */
export function oncePerKey<K, T>(open: (key: K) => Promise<T>, nameOf: (key: K) => string): (key: K) => Promise<T> {
  const opened = new Map<string, Promise<T>>();
  return (key) => {
    const name = nameOf(key);
    const found = opened.get(name) ?? open(key);
    opened.set(name, found);
    return found;
  };
}
