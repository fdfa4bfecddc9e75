/** What a bench is: the same work done by several programs, each in a process of its own. Pure data, the reading of a
 *  program's outcome, and the choice of what is run. */
import { FormatError } from '../src/base/errors.js';
import { isJsonObject } from '../src/base/json.js';
import type { Repeat } from './repeat.js';

/** What all benches of one call share. */
export interface BenchSetup {
  /** A folder in Hugging Face layout, float32: every side reads it. */
  readonly model: string;
  /** The same of random weights in GPT-2 small's shape, made when asked for. */
  readonly gpt2Small: () => Promise<string>;
  /** A GGUF file, found when asked for. */
  readonly gguf: () => Promise<string>;
  readonly threads: number;
  /** Processes a side. */
  readonly runs: number;
  /** Prompts of the epoch against a reference implementation, each the root of a tree. */
  readonly trees: number;
  /** The same against the batched loop. */
  readonly batchedTrees: number;
  /** Whether the processor multiplies bfloat16: only then is it the stronger peer. */
  readonly bfloat16: boolean;
  /** A JSON array of texts. */
  readonly prompts: string;
  /** The interpreter that runs the peers; null measures our side alone. */
  readonly python: string | null;
  /** Checkouts of reference implementations. */
  readonly references: readonly Reference[];
  /** How often a short piece of work is done within one process. */
  readonly repeat: Repeat;
  /** Only the smaller shapes. */
  readonly quick: boolean;
  /** An existing folder for files of this call. */
  readonly scratch: string;
}

export interface Reference {
  readonly name: ReferenceName;
  readonly folder: string;
}

export type ReferenceName = 'astra-rl' | 'ASTPrompter';

export interface Figure {
  /** Under which name a side gives it. */
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  readonly better: 'lower' | 'higher';
}

/** What one process did. */
export interface Outcome {
  /** By key of `Comparison.figures`. */
  readonly figures: Readonly<Record<string, number>>;
  /** Counts that say whether the work was the same: tokens, pairs, steps. */
  readonly work: Readonly<Record<string, number>>;
  readonly versions?: Readonly<Record<string, string>>;
}

interface SideName {
  readonly label: string;
  readonly isPeer: boolean;
}

/** One way to do the work: a program, or figures of an earlier day where the program is not at hand. */
export type Side =
  | (SideName & {
      readonly kind: 'program';
      readonly command: string;
      readonly args: readonly string[];
    })
  | (SideName & {
      readonly kind: 'recorded';
      readonly outcome: Outcome;
      readonly peakMiB: number | null;
      /** When and on what, in words. */
      readonly source: string;
    });

/** What a figure of one of our sides must reach: so many times better than the peer, or so much at most. */
export type Target = {
  readonly side: string;
  readonly figure: string;
} & ({ readonly kind: 'ratio'; readonly atLeast: number } | { readonly kind: 'limit'; readonly atMost: number });

export interface Comparison {
  /** Chosen by it on the command line: 'sampling', 'train-step/gpt2-small-1'. */
  readonly name: string;
  readonly title: string;
  readonly figures: readonly Figure[];
  /** At most one peer, last. */
  readonly sides: readonly Side[];
  readonly targets: readonly Target[];
  /** What is not equal, what was left out. Sentences. */
  readonly notes: readonly string[];
}

export type Bench = (setup: BenchSetup) => Promise<readonly Comparison[]>;

/** Read from outside, for every program: among the figures of a comparison where it says something. */
export const memoryFigure: Figure = { key: 'peakMiB', title: 'peak memory', unit: 'MiB', better: 'lower' };

/** From what a program printed: its last line of JSON that has figures. Programs may print what they like beside it.
 *  @throws FormatError when there is none, or a figure is not a number */
export function outcomeIn(output: string): Outcome {
  const records = output.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    try {
      const value: unknown = JSON.parse(line);
      return isJsonObject(value) ? [value] : [];
    } catch {
      return []; // It only looked like JSON.
    }
  });
  const found = records.findLast((record) => record['figures'] !== undefined);
  if (found === undefined)
    throw new FormatError('the program printed no result', { expected: "a line of JSON with 'figures'" });
  return {
    figures: numbersOf(found['figures'], 'figures'),
    work: numbersOf(found['work'], 'work'),
    versions: textsOf(found['versions']),
  };
}

function numbersOf(value: unknown, where: string): Readonly<Record<string, number>> {
  if (!isJsonObject(value))
    throw new FormatError('the result lacks a part', {
      where,
      expected: 'an object',
      got: String(JSON.stringify(value)),
    });
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => {
      if (typeof each !== 'number' || !Number.isFinite(each)) {
        throw new FormatError('not a number', { where: `${where}.${key}`, got: String(JSON.stringify(each)) });
      }
      return [key, each];
    }),
  );
}

function textsOf(value: unknown): Readonly<Record<string, string>> {
  if (!isJsonObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** Whether a comparison was asked for: all are when nothing is named, 'train-step' stands for all that begin with it.
 */
export function isChosen(name: string, wanted: readonly string[]): boolean {
  return wanted.length === 0 || wanted.some((each) => name === each || name.startsWith(`${each}/`));
}
