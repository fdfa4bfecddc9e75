/** Reads a recipe: YAML text, `--set` overrides, schema, rules across keys. Every problem is reported at once, with
 *  line and column (or the flag it came from) and the nearest known key. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import type { z } from 'zod';
import { ConfigError } from '../base/errors.js';
import { packageRoot } from '../base/packageRoot.js';
import { listFolder } from '../base/files.js';
import type { JsonObject } from '../base/json.js';
import type { Manifest } from '../runs/manifest.js';
import { nearest } from '../base/nearest.js';
import { recipeSchema, recipeStages, startSources, withRemoteDefaults } from './recipe.js';
import type { Recipe } from './recipe.js';
import { recipeRules } from './recipeRules.js';
import {
  openRecipeSource,
  RecipeError,
  type RecipeChanges,
  type RecipeProblem,
  type RecipeSource,
} from './recipeSource.js';
import { promptListFile } from '../speakers/options.js';
import { issueMessage, knownKeys, leafIssues } from './schemaProblems.js';

export interface LoadedRecipe {
  /** Resolved: every default written out, paths as written. */
  readonly recipe: Recipe;
  /** The same as JSON, for the manifest. */
  readonly configuration: JsonObject;
  readonly source: { readonly file: string | null; readonly folder: string };
}

export { RecipeError, type RecipeChanges, type RecipeProblem } from './recipeSource.js';

/** Reads a recipe by path or by the name of a shipped one. @throws RecipeError, ConfigError */
export function loadRecipe(nameOrPath: string, changes: RecipeChanges = {}): LoadedRecipe {
  const { text, file } = readRecipeText(nameOrPath);
  return parseRecipe(text, { file, changes });
}

/** The text of a recipe, by path or by the name of a shipped one. @throws ConfigError */
export function readRecipeText(nameOrPath: string): { readonly text: string; readonly file: string } {
  const file = findRecipe(nameOrPath);
  return { text: readFileSync(file, 'utf8'), file };
}

/** @param options.file where the text came from: named in messages, and relative paths start beside it */
export function parseRecipe(
  text: string,
  options: { readonly file: string; readonly changes?: RecipeChanges },
): LoadedRecipe {
  return resolveRecipe(openRecipeSource({ text, ...options }));
}

/** Checks what a source says against schema and rules, and writes out every default. @throws RecipeError with every
 *  problem */
export function resolveRecipe(source: RecipeSource): LoadedRecipe {
  const { file } = source;
  const plain = source.toPlain();
  const parsed = recipeSchema.safeParse(plain);
  if (!parsed.success)
    throw new RecipeError(
      file,
      leafIssues(parsed.error.issues).flatMap((issue) => issueProblems(source, issue, plain)),
    );
  const broken = recipeRules(parsed.data).map(({ path, message, remedy }) => source.problem(path, message, remedy));
  if (broken.length > 0) throw new RecipeError(file, broken);
  const recipe = withRemoteDefaults(parsed.data);
  return { recipe, configuration: asJson(recipe), source: { file: resolve(file), folder: dirname(resolve(file)) } };
}

/** The recipe as its JSON: keys without a value are left out. */
function asJson(recipe: Recipe): JsonObject {
  return JSON.parse(JSON.stringify(recipe)) as JsonObject;
}

/** The recipe of a run that goes on, from its manifest. @throws RecipeError when this version no longer reads it */
export function recipeOfRun(
  { configuration, source }: Pick<Manifest, 'configuration' | 'source'>,
  manifestPath: string,
  changes: RecipeChanges = {},
): LoadedRecipe {
  return { ...parseRecipe(JSON.stringify(configuration, null, 1), { file: manifestPath, changes }), source };
}

/** Returns a recorded configuration with the keys that were added since, at their defaults, so that it can be compared
 *  with today's; as it stands where this version no longer reads it. */
export function withLaterDefaults(configuration: JsonObject): JsonObject {
  const parsed = recipeSchema.safeParse(configuration);
  return parsed.success ? asJson(withRemoteDefaults(parsed.data)) : configuration;
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
    if (statSync(nameOrPath).isDirectory())
      throw new ConfigError('this is a folder, not a recipe', {
        where: nameOrPath,
        remedy: 'To continue a run: `gadfly run --resume DIR`.',
      });
    return nameOrPath;
  }
  const shipped = shippedRecipes();
  const found = shipped.find(({ name }) => name === nameOrPath);
  if (found !== undefined) return found.file;
  const close = nearest(
    nameOrPath,
    shipped.map(({ name }) => name),
  );
  throw new ConfigError('no such recipe', {
    where: nameOrPath,
    expected: `a file, or one of ${shipped.map(({ name }) => name).join(', ')}`,
    ...(close === null ? {} : { remedy: `Did you mean '${close}'?` }),
  });
}

/** Every file that a recipe names, as written and absolute. */
export function recipeFiles(
  recipe: Recipe,
  folder: string,
): readonly { readonly key: string; readonly name: string; readonly path: string }[] {
  const starts: readonly string[] = startSources(recipe);
  const promptFiles = (['data', 'train', 'dev', 'test'] as const).filter((key) => !starts.includes(key));
  const named: { key: string; name: string | null | undefined }[] = [
    { key: 'adversary.model', name: promptListFile(recipe.adversary.model) },
    ...promptFiles.map((key) => ({ key: `prompts.${key}`, name: recipe.prompts[key] })),
    ...recipeStages(recipe).flatMap(({ kind, index, traits }) =>
      traits.files.map(({ key, name }) => ({ key: `stages.${index}.${kind}.${key}`, name })),
    ),
  ];
  return named.flatMap(({ key, name }) =>
    name === undefined || name === null ? [] : [{ key, name, path: isAbsolute(name) ? name : resolve(folder, name) }],
  );
}

/** Returns the value at a place, or a word for what may be a key. */
function shownValue(source: RecipeSource, path: readonly PropertyKey[]): unknown {
  const value = source.valueAt(path);
  const mayBeKey = path.some((part) => ['apiKeyEnv', 'baseUrl', 'url', 'headers'].includes(String(part)));
  return mayBeKey && value !== undefined ? 'something that is not shown' : value;
}

function issueProblems(source: RecipeSource, issue: z.core.$ZodIssue, data: unknown): readonly RecipeProblem[] {
  if (issue.code !== 'unrecognized_keys')
    return [source.problem(issue.path, issueMessage(issue, shownValue(source, issue.path)), null)];
  const known = knownKeys(recipeSchema, issue.path, data);
  return issue.keys.map((key) => {
    const close = nearest(key, known);
    const remedy = close === null ? `known here: ${known.join(', ')}` : `did you mean '${close}'?`;
    return source.problem([...issue.path, key], `unknown key '${key}'`, remedy, true);
  });
}
