/** Reads a recipe: YAML text, `--set` overrides, schema, rules across keys. Every problem is reported at once, with line and
 *  column (or the flag it came from) and the nearest known key. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { LineCounter, isMap, isNode, isScalar, isSeq, parse, parseDocument } from 'yaml';
import type { Document, YAMLSeq } from 'yaml';
import type { z } from 'zod';
import { ConfigError } from '../base/errors.js';
import { packageRoot } from '../base/packageRoot.js';
import { listFolder } from './files.js';
import type { JsonObject } from './json.js';
import type { Manifest } from './manifest.js';
import { nearest } from './nearest.js';
import { promptListFile, recipeSchema, recipeStages, withRemoteDefaults } from './recipe.js';
import type { Recipe } from './recipe.js';
import { recipeRules } from './recipeRules.js';
import { issueMessage, knownKeys, leafIssues } from './schemaProblems.js';

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
      const lines = problems.map(({ where, message, remedy }) => `  ${where}: ${message}${remedy === null ? '' : ` (${remedy})`}`);
      super([`${problems.length} problems`, ...lines].join('\n'), { where: file });
    }
    this.problems = problems;
  }
}

export interface LoadedRecipe {
  /** Resolved: every default written out, paths as written. */
  readonly recipe: Recipe;
  /** The same as JSON, for the manifest. */
  readonly configuration: JsonObject;
  readonly source: { readonly file: string | null; readonly folder: string };
}

export interface RecipeChanges {
  /** `path.to.key=value`, in order. */
  readonly set?: readonly string[];
  readonly seed?: number;
}

/** Reads a recipe by path or by the name of a shipped one. @throws RecipeError, ConfigError */
export function loadRecipe(nameOrPath: string, changes: RecipeChanges = {}): LoadedRecipe {
  const file = findRecipe(nameOrPath);
  return parseRecipe(readFileSync(file, 'utf8'), { file, changes });
}

/** @param options.file where the text came from: named in messages, and relative paths start beside it */
export function parseRecipe(text: string, options: { readonly file: string; readonly changes?: RecipeChanges }): LoadedRecipe {
  const { file, changes = {} } = options;
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, version: '1.2', merge: true });
  const source = new RecipeSource(file, document, lineCounter);
  const syntax = [...document.errors, ...document.warnings].map((error) => source.problemAt(error.pos[0], '', error.message, null));
  if (syntax.length > 0) throw new RecipeError(file, syntax);
  if (document.contents === null) throw new RecipeError(file, [source.problem([], 'this recipe is empty', 'See the recipes that `gadfly list recipes` shows.')]);
  for (const assignment of changes.set ?? []) source.assign(assignment);
  if (changes.seed !== undefined) source.assign(`seed=${changes.seed}`, '--seed');
  const plain = source.toPlain();
  const parsed = recipeSchema.safeParse(plain);
  if (!parsed.success) throw new RecipeError(file, leafIssues(parsed.error.issues).flatMap((issue) => issueProblems(source, issue, plain)));
  const broken = recipeRules(parsed.data).map(({ path, message, remedy }) => source.problem(path, message, remedy));
  if (broken.length > 0) throw new RecipeError(file, broken);
  const recipe = withRemoteDefaults(parsed.data);
  const configuration = JSON.parse(JSON.stringify(recipe)) as JsonObject;
  return { recipe, configuration, source: { file: resolve(file), folder: dirname(resolve(file)) } };
}

/** The recipe of a run that goes on, from its manifest. @throws RecipeError when this version no longer reads it */
export function recipeOfRun({ configuration, source }: Pick<Manifest, 'configuration' | 'source'>, manifestPath: string, changes: RecipeChanges = {}): LoadedRecipe {
  return { ...parseRecipe(JSON.stringify(configuration, null, 1), { file: manifestPath, changes }), source };
}

/** Names of the recipes that the package ships. */
export function shippedRecipes(): readonly { readonly name: string; readonly file: string }[] {
  const folder = join(packageRoot(), 'recipes');
  return listFolder(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => ({ name: basename(name, '.yaml'), file: join(folder, name) }));
}

function findRecipe(nameOrPath: string): string {
  if (existsSync(nameOrPath)) {
    if (statSync(nameOrPath).isDirectory()) throw new ConfigError('this is a folder, not a recipe', { where: nameOrPath, remedy: 'To continue a run: `gadfly run --resume DIR`.' });
    return nameOrPath;
  }
  const shipped = shippedRecipes();
  const found = shipped.find(({ name }) => name === nameOrPath);
  if (found !== undefined) return found.file;
  const close = nearest(nameOrPath, shipped.map(({ name }) => name));
  throw new ConfigError('no such recipe', {
    where: nameOrPath,
    expected: `a file, or one of ${shipped.map(({ name }) => name).join(', ')}`,
    ...(close === null ? {} : { remedy: `Did you mean '${close}'?` }),
  });
}

/** Every file that a recipe names, as written and absolute. */
export function recipeFiles(recipe: Recipe, folder: string): readonly { readonly key: string; readonly name: string; readonly path: string }[] {
  const named: { key: string; name: string | null | undefined }[] = [
    { key: 'adversary.model', name: promptListFile(recipe) },
    ...(['data', 'train', 'dev', 'test'] as const).map((key) => ({ key: `prompts.${key}`, name: recipe.prompts[key] })),
    ...recipeStages(recipe).flatMap((stage) => {
      if (stage.kind !== 'exploit') return [];
      const at = `stages.${stage.index}.exploit`;
      if (stage.options.attack === 'sft') return [{ key: `${at}.data`, name: stage.options.data }];
      return [{ key: `${at}.weakSupervision.data`, name: stage.options.weakSupervision?.data }];
    }),
  ];
  return named.flatMap(({ key, name }) => (name === undefined || name === null ? [] : [{ key, name, path: isAbsolute(name) ? name : resolve(folder, name) }]));
}

function issueProblems(source: RecipeSource, issue: z.core.$ZodIssue, data: unknown): readonly RecipeProblem[] {
  if (issue.code !== 'unrecognized_keys') return [source.problem(issue.path, issueMessage(issue, source.valueAt(issue.path)), null)];
  const known = knownKeys(recipeSchema, issue.path, data);
  return issue.keys.map((key) => {
    const close = nearest(key, known);
    const remedy = close === null ? `known here: ${known.join(', ')}` : `did you mean '${close}'?`;
    return source.problem([...issue.path, key], `unknown key '${key}'`, remedy, true);
  });
}

const fileKeys: readonly unknown[] = ['data', 'train', 'dev', 'test'];

/** A path typed into a shell starts where the shell is, not beside the recipe. */
function fromWorkingFolder(value: unknown, key: string | undefined): unknown {
  if (typeof value === 'string') {
    if (value.startsWith('prompts:')) return `prompts:${resolve(value.slice('prompts:'.length))}`;
    return fileKeys.includes(key) || /^\.{1,2}\//.test(value) ? resolve(value) : value;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, fromWorkingFolder(each, name)]));
}

/** A YAML document that knows where each key came from: a line, or a flag. */
class RecipeSource {
  readonly #file: string;
  readonly #document: Document.Parsed;
  readonly #lineCounter: LineCounter;
  readonly #assigned: { readonly path: readonly string[]; readonly flag: string }[] = [];

  constructor(file: string, document: Document.Parsed, lineCounter: LineCounter) {
    this.#file = file;
    this.#document = document;
    this.#lineCounter = lineCounter;
  }

  /** Applies `path.to.key=value`. A stage may be named by its kind or its attack's name instead of its number. */
  assign(assignment: string, flag = `--set ${assignment}`): void {
    const equals = assignment.indexOf('=');
    if (equals < 1) throw new ConfigError('this is no assignment', { where: flag, expected: '--set path.to.key=value', got: assignment });
    let value: unknown;
    try {
      value = parse(assignment.slice(equals + 1), { version: '1.2' });
    } catch (error) {
      throw new ConfigError('the value is not YAML', { where: flag, got: assignment.slice(equals + 1), cause: error });
    }
    const path = this.#stagePath(assignment.slice(0, equals).split('.'), flag);
    const judge: unknown = this.#document.get('judge');
    // `judge: NAME` is short for `judge: { model: NAME }`.
    if (path[0] === 'judge' && path.length > 1 && typeof judge === 'string') this.#document.set('judge', this.#document.createNode({ model: judge }));
    try {
      this.#document.setIn(path, this.#document.createNode(fromWorkingFolder(value, path.at(-1))));
    } catch (error) {
      throw new ConfigError('no such place in the recipe', { where: flag, got: path.join('.'), cause: error });
    }
    this.#assigned.push({ path, flag });
  }

  #stagePath(path: readonly string[], flag: string): readonly string[] {
    const [head, stage, ...rest] = path;
    if (head !== 'stages' || stage === undefined) return path;
    const stages = this.#document.get('stages');
    if (!isSeq(stages) || (/^\d+$/.test(stage) && Number(stage) < stages.items.length)) return path;
    const found = stageNames(stages).filter(({ names }) => names.includes(stage));
    const [only] = found;
    if (only === undefined || found.length > 1) {
      throw new ConfigError(found.length > 1 ? `more than one stage is called '${stage}'` : `no stage is called '${stage}'`, {
        where: flag,
        expected: stageNames(stages).map(({ index, names }) => `${index} (${names.join(', ')})`).join('; '),
      });
    }
    return ['stages', String(only.index), only.kind, ...rest];
  }

  /** @throws RecipeError for aliases that lead nowhere or multiply without end */
  toPlain(): unknown {
    try {
      return this.#document.toJS();
    } catch (error) {
      throw new RecipeError(this.#file, [this.problem([], error instanceof Error ? error.message : String(error), null)]);
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
    const isPrefix = (short: readonly PropertyKey[], long: readonly PropertyKey[]): boolean => short.every((part, i) => String(long[i]) === String(part));
    const isNew = path.length > 0 && !this.#isInText(path);
    const flag = this.#assigned.findLast((entry) => isPrefix(entry.path, path) || (isNew && isPrefix(path, entry.path)))?.flag;
    if (flag !== undefined) return { where: flag, line: null, column: null, key, message: named, remedy };
    return this.problemAt(this.#offset(path, atKey), key, named, remedy);
  }

  problemAt(offset: number, key: string, message: string, remedy: string | null): RecipeProblem {
    const { line, col } = this.#lineCounter.linePos(offset);
    return { where: `${this.#file}:${line}:${col}`, line, column: col, key, message, remedy };
  }

  #isInText(path: readonly PropertyKey[]): boolean {
    const node = this.#document.getIn(path, true);
    return isNode(node) && node.range != null;
  }

  /** Offset of a key or value; of the nearest enclosing one that is in the text when it is missing. */
  #offset(path: readonly PropertyKey[], atKey: boolean): number {
    if (atKey) {
      const parent = this.#document.getIn(path.slice(0, -1), true);
      const pair = isMap(parent) ? parent.items.find((item) => isScalar(item.key) && String(item.key.value) === String(path.at(-1))) : undefined;
      if (pair !== undefined && isScalar(pair.key) && pair.key.range != null) return pair.key.range[0];
    }
    for (let length = path.length; length >= 0; length--) {
      const node = length === 0 ? this.#document.contents : this.#document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range != null) return node.range[0];
    }
    return 0;
  }
}

function withPlace(message: string, path: readonly PropertyKey[]): string {
  return path.length === 0 ? message : `${message} in ${path.map(String).join('.')}`;
}

/** What each stage may be called: its kind, its attack, its name. */
function stageNames(stages: YAMLSeq): readonly { readonly index: number; readonly kind: string; readonly names: readonly string[] }[] {
  return stages.items.flatMap((item, index) => {
    const pair = isMap(item) ? item.items[0] : undefined;
    if (pair === undefined || !isScalar(pair.key)) return [];
    const kind = String(pair.key.value);
    const name = isMap(pair.value) ? (pair.value.get('name') ?? pair.value.get('attack')) : undefined;
    return [{ index, kind, names: typeof name === 'string' ? [kind, name] : [kind] }];
  });
}
