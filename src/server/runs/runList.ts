/** The list of all runs below a folder, kept up to date by when their files changed. Reports are large and there may be
 *  thousands: they are read a little at a time, the newest first, and read again only when they change. */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../base/clock.js';
import { findRuns, type FoundRun } from './findRuns.js';
import { changeOf, readListedRun } from './listedRun.js';
import type { ListedRun } from './protocol.js';

/** A list younger than this is not looked at again. */
const freshMs = 800;
/** The time for which reading goes on before others get their turn. */
const sliceMs = 40;

export class RunList {
  readonly root: string;
  readonly #clock: Clock;
  readonly #lines = new Map<string, ListedRun>();
  #waiting: { readonly found: FoundRun; readonly changed: number }[] = [];
  #ids: readonly string[] = [];
  #lookedMs = -Infinity;

  /** @param root the real path of a folder */
  constructor(root: string, clock: Clock) {
    this.root = root;
    this.#clock = clock;
  }

  /** Returns every id, in the order of the folders. */
  get ids(): readonly string[] {
    return this.#ids;
  }

  /** Returns the lines that are read. */
  get lines(): Iterable<ListedRun> {
    return this.#lines.values();
  }

  /** Returns whether every line is read. */
  get isWhole(): boolean {
    return this.#waiting.length === 0;
  }

  get(id: string): ListedRun | null {
    return this.#lines.get(id) ?? null;
  }

  /** Looks at the folder again, and reads what changed for a short time. Ask again until `isWhole`. */
  async refresh(): Promise<void> {
    if (this.#clock.monotonicMs() - this.#lookedMs >= freshMs) this.#look();
    const until = this.#clock.monotonicMs() + sliceMs;
    while (this.#waiting.length > 0 && this.#clock.monotonicMs() < until) this.#readNext();
    await setImmediate();
  }

  #look(): void {
    this.#lookedMs = this.#clock.monotonicMs();
    const found = findRuns(this.root);
    this.#ids = found.map(({ id }) => id);
    const known = new Set(this.#ids);
    for (const id of this.#lines.keys()) if (!known.has(id)) this.#lines.delete(id);
    this.#waiting = found
      .map((each) => ({ found: each, changed: changeOf(each) }))
      .filter(({ found: { id }, changed }) => this.#lines.get(id)?.changedMs !== changed)
      .sort((a, b) => a.changed - b.changed);
  }

  #readNext(): void {
    const next = this.#waiting.pop();
    if (next !== undefined) this.#lines.set(next.found.id, readListedRun(next.found, next.changed));
  }
}
