/** The browser keeps, for the tab, which tab it is and the note that is being written; for the person, the name and how
 *  the page behaves. A browser that keeps nothing is no reason to fail. */

export function readKept(storage: () => Storage, key: string): string | null {
  try {
    return storage().getItem(`gadfly.${key}`);
  } catch {
    return null;
  }
}

export function keep(storage: () => Storage, key: string, value: string | null): void {
  try {
    if (value === null) storage().removeItem(`gadfly.${key}`);
    else storage().setItem(`gadfly.${key}`, value);
  } catch {
    // See above.
  }
}

export const ofTab = (): Storage => sessionStorage;
export const ofPerson = (): Storage => localStorage;

/** Returns the name of this tab: the same after a reload, another one in a tab that was opened or copied. */
export function tabName(): string {
  const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
  const known = navigation?.type === 'reload' ? readKept(ofTab, 'tab') : null;
  const name = known ?? crypto.randomUUID();
  keep(ofTab, 'tab', name);
  return name;
}
