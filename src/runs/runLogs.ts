/** The append-only files of a run, by name: NAME.jsonl in its folder. Their positions together are how far a run's
 *  records have come. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../base/errors.js';
import { invariant } from '../base/invariant.js';
import { RecordLog } from './recordLog.js';

/** Bytes of complete records per log; a log that is not named has none. */
export type Positions = Readonly<Record<string, number>>;

/** Every run has these, if only empty; runs of earlier versions have no others. */
export const firstLogs: readonly string[] = ['rollouts', 'pairs', 'metrics'];

/** A log's name is one word, which cannot leave the folder. */
export const logName = /^[a-z][A-Za-z0-9]*$/;

export function logPath(folder: string, name: string): string {
  invariant(logName.test(name), `a log's name is one word ('${name}')`);
  return join(folder, `${name}.jsonl`);
}

/** Returns whether `there` is as far as `here` in every log, or farther. */
export function isAtLeast(there: Positions, here: Positions): boolean {
  return Object.entries(here).every(([name, position]) => (there[name] ?? 0) >= position);
}

export class RunLogs {
  readonly #folder: string;
  readonly #logs = new Map<string, RecordLog>();

  /** Opens the logs for appending. @throws EnvironmentError */
  constructor(folder: string, names: readonly string[]) {
    this.#folder = folder;
    for (const name of names) this.#logs.set(name, RecordLog.open(logPath(folder, name)));
  }

  get names(): readonly string[] {
    return [...this.#logs.keys()];
  }

  get(name: string): RecordLog | null {
    return this.#logs.get(name) ?? null;
  }

  /** Begins a log.
   *  @param note writes down that the run has this log: called before there is a file, so that none is ever unknown
   *  @throws ConfigError when a file of its name is there, which is none of the run's */
  begin(name: string, note: () => void): RecordLog {
    const path = logPath(this.#folder, name);
    invariant(!this.#logs.has(name), `log '${name}' is begun once`);
    if (existsSync(path))
      throw new ConfigError('this file is in the way: the run keeps its own records under this name', {
        where: path,
        remedy: 'Move it elsewhere, then continue with `gadfly run --resume DIR`.',
      });
    note();
    const log = RecordLog.open(path);
    this.#logs.set(name, log);
    return log;
  }

  positions(): Positions {
    return Object.fromEntries([...this.#logs].map(([name, { position }]) => [name, position]));
  }

  /** Cuts every log back; one without a position becomes empty. @throws FormatError when one of them is shorter */
  truncateTo(positions: Positions): void {
    for (const [name, log] of this.#logs) log.truncateTo(positions[name] ?? 0);
  }

  sync(): void {
    for (const log of this.#logs.values()) log.sync();
  }

  close(): void {
    for (const log of this.#logs.values()) log.close();
  }
}
