/** How a sweep starts: the recipe of every point, new or as sweep.json has it, and what must be there before the first
 *  one runs. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ConfigError } from '../base/errors.js';
import { firstDifference } from '../base/json.js';
import { type LoadedRecipe, recipeOfRun, withLaterDefaults } from '../recipe/readRecipe.js';
import type { RecipeChanges } from '../recipe/recipeSource.js';
import type { SweepPlan } from '../recipe/sweepPlan.js';
import { holdsSweep, readSweepFile, type SweepFile, type SweepPointState } from '../report/sweepFile.js';
import { requireFiles, requireModels } from './runInputs.js';

export type SweepStart =
  | { readonly kind: 'new'; readonly plan: SweepPlan; readonly folder: string }
  | {
      readonly kind: 'resume';
      readonly folder: string;
      /** Changes of `limits:`; nothing else may change. */
      readonly changes?: RecipeChanges;
      /** The plan, where the recipe is named again. */
      readonly plan?: SweepPlan | null;
    };

/** Returns the recipe of every point by name. @throws ConfigError when another recipe is meant, or nothing is left */
export function sweepRecipes(start: SweepStart): ReadonlyMap<string, LoadedRecipe> {
  return start.kind === 'new' ? plannedRecipes(start.plan) : keptRecipes(start, readSweepFile(resolve(start.folder)));
}

/** Returns the recipes of the points that are not done. @throws ConfigError */
export function recipesLeft(
  start: Extract<SweepStart, { readonly kind: 'resume' }>,
): ReadonlyMap<string, LoadedRecipe> {
  const file = readSweepFile(resolve(start.folder));
  const done = new Set(file.points.filter(({ status }) => status === 'done').map(({ name }) => name));
  return new Map([...keptRecipes(start, file)].filter(([name]) => !done.has(name)));
}

function plannedRecipes({ points }: SweepPlan): ReadonlyMap<string, LoadedRecipe> {
  return new Map(points.map(({ name, loaded }) => [name, loaded]));
}

/** The recipes of a sweep that goes on, with the changes that resuming may make. */
function keptRecipes(
  { folder, changes = {}, plan = null }: Extract<SweepStart, { readonly kind: 'resume' }>,
  file: SweepFile,
): ReadonlyMap<string, LoadedRecipe> {
  if (file.points.every(({ status }) => status === 'done')) {
    throw new ConfigError('this sweep is done', {
      where: folder,
      remedy: `See it with \`gadfly report ${folder}\`, or start a new one with another --out.`,
    });
  }
  const differs = (what: string): ConfigError =>
    new ConfigError('the recipe is not the one this sweep was started with', {
      where: folder,
      got: `${what} differs`,
      remedy: 'Resume without naming a recipe or --set (but for limits), or start a new sweep with another --out.',
    });
  const wanted = plan === null ? null : plannedRecipes(plan);
  if (wanted !== null && JSON.stringify([...wanted.keys()]) !== JSON.stringify(file.points.map(({ name }) => name)))
    throw differs('the list of points');
  return new Map(
    file.points.map((point) => {
      const loaded = wanted?.get(point.name) ?? recipeOfPoint(file, point, folder, changes);
      const difference = firstDifference(
        { ...withLaterDefaults(file.configurations[point.name] ?? {}), limits: null },
        { ...loaded.configuration, limits: null },
      );
      if (difference !== null) throw differs(`'${difference}' of ${point.name}`);
      return [point.name, loaded] as const;
    }),
  );
}

/** A point's recipe as it was planned, with changes that resuming may make. @throws RecipeError */
export function recipeOfPoint(
  file: SweepFile,
  point: SweepPointState,
  sweepPath: string,
  changes: RecipeChanges,
): LoadedRecipe {
  return recipeOfRun(
    { configuration: file.configurations[point.name] ?? {}, source: file.source },
    `${sweepPath} (${point.name})`,
    changes,
  );
}

/** Looks for files and models of every point, before the first is run.
 *  @param given names of speakers that a program gives itself
 *  @throws ConfigError naming all that are missing */
export function requireAll(recipes: ReadonlyMap<string, LoadedRecipe>, given: ReadonlySet<string>): void {
  const missing = new Map<string, { readonly error: ConfigError; readonly points: string[] }>();
  for (const [name, loaded] of recipes) {
    for (const check of [requireFiles, requireModels]) {
      try {
        check(loaded, given);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        const found = missing.get(error.message) ?? { error, points: [] };
        found.points.push(name);
        missing.set(error.message, found);
      }
    }
  }
  const [only] = missing.values();
  if (only === undefined) return;
  const lines = [...missing.values()].map(
    ({ error, points }) =>
      `${error.message}\n  points:   ${points.slice(0, 4).join(' ')}${points.length > 4 ? ` and ${points.length - 4} more` : ''}`,
  );
  throw new ConfigError(lines.join('\n'), { cause: only.error });
}

/** @param shown the folder as the caller named it @throws ConfigError when it holds a sweep or a run */
export function refuseTaken(folder: string, shown: string): void {
  if (holdsSweep(folder))
    throw new ConfigError('this folder already holds a sweep', {
      where: folder,
      remedy: `Continue it with \`gadfly run --resume ${shown}\`, or choose another --out.`,
    });
  if (existsSync(join(folder, 'manifest.json')))
    throw new ConfigError('this folder already holds a run', { where: folder, remedy: 'Choose another --out.' });
}
