/** A command is a name, its arguments and flags as data, and an action that returns what to print. Heavy code is
 *  imported inside the action, so that `--help` is quick. */
import type { JsonValue } from '../base/json.js';
import type { RecipeChanges } from '../recipe/recipeSource.js';
import type { Progress } from './progress.js';
import type { Terminal } from './terminal.js';

export interface GlobalOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly threads: number | null;
  readonly device: 'cpu' | 'webgpu' | 'cuda';
  /** The folder of models; null is the hub's standard place. */
  readonly cache: string | null;
}

export interface CommandContext {
  readonly terminal: Terminal;
  readonly globals: GlobalOptions;
  /** A line for people, on stderr; nothing with --quiet. */
  readonly log: (line: string) => void;
  readonly progress: Progress;
  /** Prints a result now, for a command that goes on until it is stopped; what it returns is not printed then. Once. */
  readonly announce: (result: Pick<CommandResult, 'json' | 'text'>) => void;
  /** Notes that all that was asked is done and kept, and how to see it: a request to stop then finds nothing to save. */
  readonly noteDone: (remedy: string) => void;
  /** True once the user asked to stop a command that saves its state; a second request ends the process at once. */
  readonly interrupted: () => boolean;
  /** Aborted at the same moment: for what waits on a network. */
  readonly signal: AbortSignal;
}

export interface CommandResult {
  /** The one document of `--json`. */
  readonly json: JsonValue;
  /** The text for people, on stdout. */
  readonly text: string;
  readonly exitCode?: number;
}

export interface FlagDefinition {
  /** The form that commander reads: '--out <dir>', '--greedy'. */
  readonly flags: string;
  readonly summary: string;
  readonly parse?: 'count' | 'countFromZero' | 'number' | 'integer' | 'list';
  readonly choices?: readonly string[];
  /** Shown in the help; the action applies it. */
  readonly default?: string | number;
}

/** Flags as given: names in camelCase, absent when not given. */
export type FlagValues = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface CommandDefinition {
  /** 'run', or 'models list' for one of a group. */
  readonly name: string;
  readonly summary: string;
  /** The form that commander reads: '<recipe>', '[recipe]', '<dirs...>'. */
  readonly argument?: { readonly form: string; readonly summary: string; readonly choices?: readonly string[] };
  /** A further argument, whose value is among the flags as `second`. */
  readonly secondArgument?: { readonly form: string; readonly summary: string };
  readonly flags: readonly FlagDefinition[];
  /** At the first Ctrl-C it asks `interrupted` and saves its state. The others, which have none, end at once. */
  readonly savesWhenInterrupted?: true;
  /** Ctrl-C is how it ends: it listens to `terminal.onInterrupt`, closes what it opened and returns. */
  readonly runsUntilInterrupted?: true;
  readonly examples: readonly string[];
  readonly run: (argument: string | undefined, flags: FlagValues, context: CommandContext) => Promise<CommandResult>;
}

/** For commands that open a model, which may be an adapter. */
export const baseFlag = {
  flags: '--base <model>',
  summary: 'the model that an adapter goes on, where it is not the one that it names',
} as const;

export function textFlag(flags: FlagValues, name: string): string | undefined {
  const value = flags[name];
  return typeof value === 'string' ? value : undefined;
}

export function numberFlag(flags: FlagValues, name: string): number | undefined {
  const value = flags[name];
  return typeof value === 'number' ? value : undefined;
}

export function listFlag(flags: FlagValues, name: string): readonly string[] {
  const value = flags[name];
  return Array.isArray(value) ? (value as readonly string[]) : [];
}

/** `--set` and `--seed`, as the reading of a recipe takes them. */
export function recipeChanges(flags: FlagValues): RecipeChanges {
  const seed = numberFlag(flags, 'seed');
  return { set: listFlag(flags, 'set'), ...(seed === undefined ? {} : { seed }) };
}
