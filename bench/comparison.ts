/** What a bench is: the same work done by several programs, each in a process of its own. Pure data, the reading of figures from
 *  a program's output, and the choice of what is run. */
import { FormatError } from '../src/base/errors.js';
import { isJsonObject, type JsonObject } from '../src/runs/json.js';

/** What all benches of one call share. */
export interface BenchSetup {
  /** A folder in Hugging Face layout, float32 where peers read it too. */
  readonly model: string;
  readonly threads: number;
  /** Processes a side. */
  readonly runs: number;
  /** The same for the epoch of online IPO, which takes minutes. */
  readonly epochRuns: number;
  /** Prompts of the epoch, each the root of a tree. */
  readonly trees: number;
  /** A JSON array of texts. */
  readonly prompts: string;
  /** The peers' scripts and the interpreter that runs them; null measures our side alone. */
  readonly peers: { readonly folder: string; readonly python: string } | null;
  /** Checkouts of the reference implementations. */
  readonly sources: { readonly astra: string | null; readonly astprompter: string | null };
  /** An existing folder for files of this call. */
  readonly scratch: string;
}

export interface Figure {
  /** Under which name a side gives it. */
  readonly key: string;
  readonly title: string;
  readonly better: 'lower' | 'higher';
  readonly digits: number;
}

/** What one process did. */
export interface Outcome {
  /** By key of `Comparison.figures`. */
  readonly figures: Readonly<Record<string, number>>;
  /** Counts that say whether the work was the same: tokens, pairs, steps. */
  readonly work: Readonly<Record<string, number>>;
  readonly versions?: Readonly<Record<string, string>>;
}

/** One way to do the work. */
export interface Side {
  readonly label: string;
  readonly isPeer: boolean;
  readonly command: string;
  readonly args: readonly string[];
  /** From what the process printed, line by line. @throws FormatError */
  readonly read: (records: readonly JsonObject[]) => Outcome;
}

export interface Comparison {
  /** Chosen by it on the command line: 'train-step', 'ipo-epoch/astra'. */
  readonly name: string;
  readonly title: string;
  readonly runs: number;
  readonly figures: readonly Figure[];
  /** At most one peer, last. */
  readonly sides: readonly Side[];
  /** What is not equal, what was left out. Sentences. */
  readonly notes: readonly string[];
}

export type Bench = (setup: BenchSetup) => Promise<readonly Comparison[]>;

/** Every line of an output that is a JSON object. */
export function recordsIn(output: string): readonly JsonObject[] {
  return output.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    try {
      const value: unknown = JSON.parse(line);
      return isJsonObject(value) ? [value] : [];
    } catch {
      return []; // Programs may print what only looks like JSON.
    }
  });
}

/** A number at a path of keys. @throws FormatError when there is none */
export function numberAt(record: JsonObject, ...path: readonly string[]): number {
  let value: unknown = record;
  for (const key of path) value = isJsonObject(value) ? value[key] : undefined;
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new FormatError('the output lacks a figure', { where: path.join('.'), expected: 'a number', got: String(JSON.stringify(value)) });
  }
  return value;
}

/** The last record with this key. @throws FormatError when there is none */
export function lastWith(records: readonly JsonObject[], key: string): JsonObject {
  const found = records.findLast((record) => record[key] !== undefined);
  if (found === undefined) throw new FormatError('the program printed no result', { expected: `a line of JSON with '${key}'` });
  return found;
}

/** Whether a comparison was asked for: all are when nothing is named, 'ipo-epoch' stands for all that begin with it. */
export function isChosen(name: string, wanted: readonly string[]): boolean {
  return wanted.length === 0 || wanted.some((each) => name === each || name.startsWith(`${each}/`));
}
