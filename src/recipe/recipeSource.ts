/** The text of a recipe as a YAML document that knows where each key came from (a line, or a flag), can be changed as
 *  `--set` changes it, and places problems in it. Schema and rules are `readRecipe.ts`. */
import { resolve } from 'node:path';
import { LineCounter, isMap, isNode, isScalar, isSeq, parseDocument } from 'yaml';
import type { Document, YAMLSeq } from 'yaml';
import { ConfigError } from '../base/errors.js';
import { isStartSource } from '../dialogue/datasets/start.js';
import { nearest } from '../base/nearest.js';

export interface RecipeProblem {
  /** file:line:column, or the flag. */
  readonly where: string;
  readonly line: number | null;
  readonly column: number | null;
  /** Dotted path of the key. */
  readonly key: string;
  readonly message: string;
  readonly remedy: string | null;
}

/** A recipe that cannot be run as written. The message lists every problem. */
export class RecipeError extends ConfigError {
  readonly problems: readonly RecipeProblem[];

  constructor(file: string, problems: readonly RecipeProblem[]) {
    const [first] = problems;
    if (problems.length === 1 && first !== undefined) {
      super(first.message, { where: first.where, ...(first.remedy === null ? {} : { remedy: first.remedy }) });
    } else {
      const lines = problems.map(
        ({ where, message, remedy }) => `  ${where}: ${message}${remedy === null ? '' : ` (${remedy})`}`,
      );
      super([`${problems.length} problems`, ...lines].join('\n'), { where: file });
    }
    this.problems = problems;
  }
}

/** The place of a key or value: file:line:column, or the flag it came from. */
export interface Place {
  readonly where: string;
  readonly line: number | null;
  readonly column: number | null;
}

export interface RecipeChanges {
  /** `path.to.key=value`, in order. */
  readonly set?: readonly string[];
  /** Keys that are taken out first. */
  readonly without?: readonly string[];
  readonly seed?: number;
}

export interface RecipeText {
  readonly text: string;
  /** The text's file: messages name it, and relative paths start beside it. */
  readonly file: string;
  readonly changes?: RecipeChanges;
}

const fileKeys: readonly unknown[] = ['data', 'train', 'dev', 'test', 'answers', 'choices'];

/** A path typed into a shell starts where the shell is, not beside the recipe. A sweep's keys are dotted, its values
 *  lists. */
function fromWorkingFolder(value: unknown, key: string | undefined): unknown {
  if (typeof value === 'string') {
    const [, prefix] = /^(prompts:|lexicon:)/.exec(value) ?? [];
    if (prefix !== undefined) return `${prefix}${resolve(value.slice(prefix.length))}`;
    if (isStartSource(value)) return value;
    return fileKeys.includes(key?.split('.').at(-1)) || /^\.{1,2}\//.test(value) ? resolve(value) : value;
  }
  if (Array.isArray(value)) return value.map((each) => fromWorkingFolder(each, key));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, fromWorkingFolder(each, name)]));
}

/** Parses the text and applies the changes. @throws RecipeError, ConfigError */
export function openRecipeSource({ text, file, changes = {} }: RecipeText): RecipeSource {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, {
    ...yamlOptions,
    lineCounter,
    merge: true,
  });
  const source = new RecipeSource(file, document, lineCounter);
  const syntax = [...document.errors, ...document.warnings].map((error) =>
    source.problemAt(error.pos[0], '', yamlMessage(error), null),
  );
  if (syntax.length > 0) throw new RecipeError(file, syntax);
  if (document.contents === null)
    throw new RecipeError(file, [
      source.problem([], 'this recipe is empty', 'See the recipes that `gadfly list recipes` shows.'),
    ]);
  for (const key of changes.without ?? []) source.remove(key);
  for (const assignment of changes.set ?? []) source.assign(assignment);
  if (changes.seed !== undefined) source.assign(`seed=${changes.seed}`, '--seed');
  return source;
}

/** Without the value where that may be a key: everything about who is asked and how. */
function shownAssignment(assignment: string): string {
  const [, key = ''] = /^([^=]*)=/.exec(assignment) ?? [];
  return /apiKeyEnv|baseUrl|\bhttp\b|extraBody|\burl\b|headers/i.test(key) ? `${key}=…` : assignment;
}

/** A YAML document that knows where each key came from: a line, or a flag. */
export class RecipeSource {
  readonly file: string;
  readonly #document: Document.Parsed;
  readonly #lineCounter: LineCounter;
  readonly #assigned: { readonly path: readonly string[]; readonly place: Place; readonly isFlag: boolean }[] = [];

  constructor(file: string, document: Document.Parsed, lineCounter: LineCounter) {
    this.file = file;
    this.#document = document;
    this.#lineCounter = lineCounter;
  }

  /** Applies `path.to.key=value`. A stage may be named by its kind or its attack's name instead of its number. */
  assign(assignment: string, flag = `--set ${shownAssignment(assignment)}`): void {
    const equals = assignment.indexOf('=');
    if (equals < 1)
      throw new ConfigError('this is no assignment', {
        where: flag,
        expected: '--set path.to.key=value',
      });
    const key = assignment.slice(0, equals);
    this.#set(key, fromWorkingFolder(readValue(assignment.slice(equals + 1), flag), key), {
      place: { where: flag, line: null, column: null },
      isFlag: true,
    });
  }

  /** Sets a key as `--set` names it; the value is taken as if it were written in the recipe. @returns the path it
   *  resolves to
   *  @throws ConfigError for a place that is not there */
  setKey(key: string, value: unknown, place: Place): readonly string[] {
    return this.#set(key, value, { place, isFlag: false });
  }

  /** The flag that sets this path or something below it; null when none does. */
  flagAt(path: readonly string[]): string | null {
    return this.#assigned.findLast((entry) => entry.isFlag && isPrefix(path, entry.path))?.place.where ?? null;
  }

  remove(key: string): void {
    this.#document.deleteIn(key.split('.'));
  }

  #set(key: string, value: unknown, origin: { readonly place: Place; readonly isFlag: boolean }): readonly string[] {
    const { where } = origin.place;
    const parts = key.split('.');
    // The keys of a sweep are themselves dotted: sweep.grid.stages.ipo.beta=[…].
    const path =
      parts[0] === 'sweep' && parts[1] === 'grid' && parts.length > 3
        ? ['sweep', 'grid', parts.slice(2).join('.')]
        : this.#stagePath(parts, where);
    const judge: unknown = this.#document.get('judge');
    // `judge: NAME` is short for `judge: { model: NAME }`.
    if (path[0] === 'judge' && path.length > 1 && typeof judge === 'string')
      this.#document.set('judge', this.#document.createNode({ model: judge }));
    this.#requirePlace(path, where);
    try {
      this.#document.setIn(path, this.#document.createNode(value));
    } catch (error) {
      throw new ConfigError('no such place in the recipe', { where, got: path.join('.'), cause: error });
    }
    this.#assigned.push({ path, ...origin });
    return path;
  }

  /** A list is entered by the number of an entry, or of one after the last. @throws ConfigError */
  #requirePlace(path: readonly string[], where: string): void {
    if (path[0] === 'sweep' && path.length > 1 && isScalar(this.#document.get('sweep', true)))
      this.#document.delete('sweep');
    for (const [i, part] of path.entries()) {
      const node = i === 0 ? undefined : this.#document.getIn(path.slice(0, i), true);
      if (!isSeq(node) || (/^\d+$/.test(part) && Number(part) <= node.items.length)) continue;
      throw new ConfigError(`${path.slice(0, i).join('.')} is a list without an entry '${part}'`, {
        where,
        expected: node.items.map((_, n) => n).join(', '),
      });
    }
  }

  #stagePath(path: readonly string[], flag: string): readonly string[] {
    const [head, stage, ...rest] = path;
    if (head !== 'stages' || stage === undefined) return path;
    const stages = this.#document.get('stages');
    if (!isSeq(stages) || (/^\d+$/.test(stage) && Number(stage) < stages.items.length)) return path;
    const all = stageNames(stages);
    const found = all.filter(({ names }) => names.includes(stage));
    const [only] = found;
    if (only === undefined || found.length > 1) {
      const close = nearest(
        stage,
        all.flatMap(({ names }) => names),
      );
      throw new ConfigError(
        found.length > 1 ? `more than one stage is called '${stage}'` : `no stage is called '${stage}'`,
        {
          where: flag,
          expected: all.map(({ index, names }) => `${index} (${names.join(', ')})`).join('; '),
          ...(close === null || found.length > 1 ? {} : { remedy: `Did you mean '${close}'?` }),
        },
      );
    }
    return ['stages', String(only.index), only.kind, ...rest];
  }

  /** @throws RecipeError for aliases that lead nowhere or multiply without end */
  toPlain(): unknown {
    try {
      return plainOf(this.#document);
    } catch (error) {
      throw new RecipeError(this.file, [this.problem([], yamlMessage(error), null)]);
    }
  }

  valueAt(path: readonly PropertyKey[]): unknown {
    const node = this.#document.getIn(path);
    return isNode(node) ? node.toJS(this.#document) : node;
  }

  /** @param atKey point at the key itself rather than at its value */
  problem(path: readonly PropertyKey[], message: string, remedy: string | null, atKey = false): RecipeProblem {
    const key = path.map(String).join('.');
    const named = key === '' ? message : atKey ? withPlace(message, path.slice(0, -1)) : `${key}: ${message}`;
    return { ...this.placeOf(path, atKey), key, message: named, remedy };
  }

  /** Returns the place of a key or its value, or what set it. */
  placeOf(path: readonly PropertyKey[], atKey = false): Place {
    const isNew = path.length > 0 && !this.#isInText(path);
    const set = this.#assigned.findLast((entry) => isPrefix(entry.path, path) || (isNew && isPrefix(path, entry.path)));
    return set?.place ?? this.#placeAt(this.#offset(path, atKey));
  }

  problemAt(offset: number, key: string, message: string, remedy: string | null): RecipeProblem {
    return { ...this.#placeAt(offset), key, message, remedy };
  }

  #placeAt(offset: number): Place {
    const { line, col } = this.#lineCounter.linePos(offset);
    return { where: `${this.file}:${line}:${col}`, line, column: col };
  }

  #isInText(path: readonly PropertyKey[]): boolean {
    const node = this.#document.getIn(path, true);
    return isNode(node) && node.range != null;
  }

  /** Offset of a key or value; of the nearest enclosing one that is in the text when it is missing. */
  #offset(path: readonly PropertyKey[], atKey: boolean): number {
    if (atKey) {
      const parent = this.#document.getIn(path.slice(0, -1), true);
      const pair = isMap(parent)
        ? parent.items.find((item) => isScalar(item.key) && String(item.key.value) === String(path.at(-1)))
        : undefined;
      if (pair !== undefined && isScalar(pair.key) && pair.key.range != null) return pair.key.range[0];
    }
    for (let length = path.length; length >= 0; length--) {
      const node = length === 0 ? this.#document.contents : this.#document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range != null) return node.range[0];
    }
    return 0;
  }
}

/** @throws ConfigError for what is no YAML, or names a tag that nothing reads */
function readValue(text: string, flag: string): unknown {
  const document = parseDocument(text, yamlOptions);
  const refuse = (cause: unknown): ConfigError =>
    new ConfigError('the value is not YAML', { where: flag, got: yamlMessage(cause), cause });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) throw refuse(problem);
  try {
    return plainOf(document);
  } catch (error) {
    throw refuse(error);
  }
}

/** Warnings of the parser are problems of the recipe, not lines on the terminal. */
const yamlOptions = { version: '1.2', prettyErrors: false, logLevel: 'error' } as const;

/** @throws Error for aliases that lead into themselves, nowhere, or multiply without end */
function plainOf(document: Pick<Document.Parsed, 'toJS'>): unknown {
  const value: unknown = document.toJS();
  try {
    JSON.stringify(value);
  } catch (cause) {
    const leadsBack = cause instanceof TypeError;
    throw leadsBack ? new Error('an alias (*name) leads into itself', { cause }) : cause;
  }
  return value;
}

/** A text that is nested without end ends the parser's stack. */
function yamlMessage(error: unknown): string {
  const said = error instanceof Error ? error.message : String(error);
  return /call stack/.test(said) ? 'this is nested too deeply' : said;
}

function isPrefix(short: readonly PropertyKey[], long: readonly PropertyKey[]): boolean {
  return short.every((part, i) => String(long[i]) === String(part));
}

function withPlace(message: string, path: readonly PropertyKey[]): string {
  return path.length === 0 ? message : `${message} in ${path.map(String).join('.')}`;
}

/** Lists the names of each stage: its kind, its attack, its name. */
function stageNames(
  stages: YAMLSeq,
): readonly { readonly index: number; readonly kind: string; readonly names: readonly string[] }[] {
  return stages.items.flatMap((item, index) => {
    const pair = isMap(item) ? item.items[0] : undefined;
    if (pair === undefined || !isScalar(pair.key)) return [];
    const kind = String(pair.key.value);
    const name = isMap(pair.value) ? (pair.value.get('name') ?? pair.value.get('attack')) : undefined;
    return [{ index, kind, names: typeof name === 'string' ? [kind, name] : [kind] }];
  });
}
