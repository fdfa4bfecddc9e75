/** The plan of a sweep: every point as a recipe of its own, checked before anything runs. A point is the recipe without
 *  `sweep:`, with its values set as `--set` would, but that relative paths stay relative to the recipe. */
import { ConfigError } from '../base/errors.js';
import type { SweptKey } from '../report/sweepFile.js';
import type { JsonObject, JsonValue } from '../base/json.js';
import { readRecipeText, resolveRecipe } from './readRecipe.js';
import type { LoadedRecipe } from './readRecipe.js';
import {
  openRecipeSource,
  RecipeError,
  type Place,
  type RecipeChanges,
  type RecipeProblem,
  type RecipeSource,
  type RecipeText,
} from './recipeSource.js';
import { keyLabels, pointCount, pointNames, sweepEntries, sweptKeys, type SweepEntry } from './sweepPoints.js';

export interface SweepPoint {
  /** From 1. */
  readonly number: number;
  /** Also the name of its folder. */
  readonly name: string;
  /** By key as written, every swept key; of one that this point leaves alone, what the recipe says. */
  readonly values: JsonObject;
  readonly loaded: LoadedRecipe;
}

export interface SweepPlan {
  readonly keys: readonly SweptKey[];
  readonly points: readonly SweepPoint[];
  /** The recipe itself, `sweep:` included. */
  readonly base: LoadedRecipe;
}

/** More is taken for a mistake. */
export const mostPoints = 1000;

export interface Experiment {
  readonly loaded: LoadedRecipe;
  /** It is null where the recipe sweeps nothing. */
  readonly plan: SweepPlan | null;
}

/** Reads a recipe by path or shipped name, with its plan when it sweeps. @throws RecipeError, ConfigError */
export function loadExperiment(nameOrPath: string, changes: RecipeChanges = {}): Experiment {
  const text = { ...readRecipeText(nameOrPath), changes };
  const loaded = resolveRecipe(openRecipeSource(text));
  return { loaded, plan: loaded.recipe.sweep === null ? null : planSweep(text) };
}

/** @throws RecipeError with the problems of all points at once, each naming its point and key; ConfigError when there
 *    is no sweep */
export function planSweep(text: RecipeText): SweepPlan {
  const written = openRecipeSource(text);
  const base = resolveRecipe(written);
  const { sweep } = base.recipe;
  if (sweep === null)
    throw new ConfigError('this recipe sweeps nothing', {
      where: text.file,
      expected: 'sweep: { grid: { … } } or { list: [ … ] }',
    });
  const count = pointCount(sweep);
  if (count > mostPoints)
    throw new RecipeError(text.file, [
      written.problem(['sweep'], `${count} points, more than ${mostPoints}`, 'leave out values, or give a list'),
    ]);
  const entries = sweepEntries(sweep);
  const keys = sweptKeys(entries);
  const labels = keyLabels(keys);
  const names = pointNames(entries, labels);
  const tried = entries.map((entry, i) => tryPoint(text, entry, names[i] ?? ''));
  const problems = [...joinProblems(tried), ...duplicates(written, tried)];
  if (problems.length > 0) throw new RecipeError(text.file, problems);
  const paths = new Map(tried.flatMap(({ resolved }) => [...resolved]));
  const points = tried.flatMap(({ entry: { number, values }, name, loaded }): readonly SweepPoint[] => {
    if (loaded === null) return [];
    const all = keys.map(
      (key) =>
        [
          key,
          (key in values ? values[key] : valueIn(loaded.configuration, paths.get(key) ?? [])) as JsonValue,
        ] as const,
    );
    return [{ number, name, values: Object.fromEntries(all), loaded }];
  });
  return {
    keys: keys.map((key) => ({ key, label: labels.get(key) ?? key, path: paths.get(key) ?? [] })),
    points,
    base,
  };
}

interface TriedPoint {
  readonly entry: SweepEntry;
  readonly name: string;
  /** It is null when the point has problems. */
  readonly loaded: LoadedRecipe | null;
  readonly problems: readonly RecipeProblem[];
  readonly resolved: ReadonlyMap<string, readonly string[]>;
}

function tryPoint(text: RecipeText, entry: SweepEntry, name: string): TriedPoint {
  const source = openRecipeSource(text);
  const places = new Map(Object.entries(entry.paths).map(([key, path]) => [key, source.placeOf(path)]));
  source.remove('sweep');
  const resolved = new Map<string, readonly string[]>();
  const problems: RecipeProblem[] = [];
  for (const [key, value] of Object.entries(entry.values)) {
    const place = places.get(key) ?? source.placeOf([]);
    const problem = setValue(source, key, value, place, resolved);
    if (problem !== null) problems.push(problem);
  }
  try {
    const loaded = resolveRecipe(source);
    return { entry, name, loaded: problems.length === 0 ? loaded : null, problems, resolved };
  } catch (error) {
    if (!(error instanceof RecipeError)) throw error;
    return { entry, name, loaded: null, problems: [...problems, ...error.problems], resolved };
  }
}

/** @returns why the key cannot be swept, or null when it is set */
function setValue(
  source: RecipeSource,
  key: string,
  value: unknown,
  place: Place,
  resolved: Map<string, readonly string[]>,
): RecipeProblem | null {
  const refuse = (message: string, remedy: string | null): RecipeProblem => ({
    ...place,
    key,
    message: `${key}: ${message}`,
    remedy,
  });
  if (key.split('.')[0] === 'sweep') return refuse('a sweep cannot sweep itself', null);
  let path: readonly string[];
  try {
    path = source.setKey(key, value, place);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { expected, remedy } = error.details;
    return refuse(summaryOf(error), remedy ?? (expected === undefined ? null : `known: ${expected}`));
  }
  const flag = source.flagAt(path);
  if (flag !== null) return refuse(`${flag} sets it, and so does the sweep`, 'leave one of them away');
  for (const [other, taken] of resolved) {
    const length = Math.min(path.length, taken.length);
    if (path.slice(0, length).join('.') === taken.slice(0, length).join('.'))
      return refuse(`'${other}' sets the same place`, 'leave one of them away');
  }
  resolved.set(key, path);
  return null;
}

/** The first line without its place, which the problem has of its own. */
function summaryOf(error: ConfigError): string {
  const [line = ''] = error.message.split('\n');
  const { where } = error.details;
  return where !== undefined && line.startsWith(`${where}: `) ? line.slice(where.length + 2) : line;
}

/** The same problem of several points is said once, with the first of them. */
function joinProblems(tried: readonly TriedPoint[]): readonly RecipeProblem[] {
  const groups = new Map<string, { readonly problem: RecipeProblem; readonly first: string; count: number }>();
  for (const { name, problems } of tried) {
    for (const problem of problems) {
      const id = JSON.stringify([problem.key, problem.message]);
      const group = groups.get(id);
      if (group === undefined) groups.set(id, { problem, first: name, count: 1 });
      else group.count++;
    }
  }
  return [...groups.values()].map(({ problem, first, count }) => ({
    ...problem,
    message: `${problem.message} (point ${first}${count === 1 ? '' : ` and ${count - 1} more`})`,
  }));
}

/** Points that would run the very same recipe. */
function duplicates(written: RecipeSource, tried: readonly TriedPoint[]): readonly RecipeProblem[] {
  const seen = new Map<string, string>();
  return tried.flatMap(({ entry, name, loaded }) => {
    if (loaded === null) return [];
    const text = JSON.stringify(loaded.configuration);
    const earlier = seen.get(text);
    if (earlier === undefined) seen.set(text, name);
    const path = Object.values(entry.paths)[0] ?? ['sweep', 'list', entry.number - 1];
    return earlier === undefined
      ? []
      : [
          {
            ...written.placeOf(path),
            key: 'sweep',
            message: `the point ${name} is the same recipe as ${earlier}`,
            remedy: 'leave one of them away',
          },
        ];
  });
}

function valueIn(configuration: JsonObject, path: readonly string[]): JsonValue {
  let at: unknown = configuration;
  for (const part of path)
    at = typeof at === 'object' && at !== null ? (at as Readonly<Record<string, unknown>>)[part] : undefined;
  return (at ?? null) as JsonValue;
}
