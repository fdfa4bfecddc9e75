/** Runs the points of a sweep one after the other, each an ordinary run in a directory of its own, and keeps
 *  sweep.json, the table and the picture over all of them. A point that fails is noted and the others go on; limits
 *  hold for each point by itself. */
import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { BudgetError, ConfigError, GadflyError, InterruptedError } from '../base/errors.js';
import { makeFolder } from '../base/makeFolder.js';
import { onDisk, removeTemporaries, writeFileAtomic } from '../base/files.js';
import { firstDifference } from '../base/json.js';
import type { JsonObject, JsonValue } from '../base/json.js';
import { takeLock } from '../runs/lock.js';
import { type LoadedRecipe, recipeOfRun } from '../recipe/readRecipe.js';
import type { RecipeChanges } from '../recipe/recipeSource.js';
import {
  holdsSweep,
  newSweepFile,
  readSweepFile,
  sweepStatus,
  writeSweepFile,
  type SweepFile,
  type SweepPointState,
} from '../report/sweepFile.js';
import type { SweepPlan } from '../recipe/sweepPlan.js';
import type { CommandContext, CommandResult } from './command.js';
import { executeRun } from './executeRun.js';
import { exitCodes } from './exitCodes.js';
import { requireFiles, requireModels } from '../stages/runInputs.js';
import { renderSweepHtml } from '../render/html/renderHtml.js';
import { sweepText } from '../render/terminal/sweepText.js';
import { gatherSweepView, pointNotes, type SweepView } from '../report/sweepView.js';

export type SweepStart =
  | { readonly kind: 'new'; readonly plan: SweepPlan; readonly folder: string }
  | {
      readonly kind: 'resume';
      readonly folder: string;
      readonly changes: RecipeChanges;
      /** When the recipe is named again. */ readonly plan: SweepPlan | null;
    };

/** @throws ConfigError before anything runs, InterruptedError with how to go on */
export async function executeSweep(start: SweepStart, context: CommandContext): Promise<CommandResult> {
  const folder = resolve(start.folder);
  const recipes =
    start.kind === 'new'
      ? new Map(start.plan.points.map(({ name, loaded }) => [name, loaded]))
      : recipesOf(start, readSweepFile(folder));
  requireAll(recipes);
  if (start.kind === 'new') {
    refuseTaken(folder, start.folder);
    onDisk(folder, () => {
      makeFolder(folder);
    });
  }
  const lock = takeLock(join(folder, 'sweep.lock'));
  try {
    removeTemporaries(folder);
    // Read under the lock: another process may have gone on meanwhile.
    const file =
      start.kind === 'new' ? newSweepFile(start.plan, context.terminal.clock.isoNow()) : readSweepFile(folder);
    const configurations = Object.fromEntries([...recipes].map(([name, { configuration }]) => [name, configuration]));
    return await runPoints({ ...file, configurations }, folder, recipes, context);
  } finally {
    lock.release();
  }
}

/** The recipes of the points that are not done. @throws ConfigError */
export function recipesLeft(
  start: Extract<SweepStart, { readonly kind: 'resume' }>,
): ReadonlyMap<string, LoadedRecipe> {
  const file = readSweepFile(resolve(start.folder));
  const all = recipesOf(start, file);
  return new Map(
    [...all].filter(([name]) => file.points.some((point) => point.name === name && point.status !== 'done')),
  );
}

/** Every point's recipe, with the changes that resuming may make. @throws ConfigError when another recipe is meant, or
 *  nothing is left */
function recipesOf(
  { folder, changes, plan }: Extract<SweepStart, { readonly kind: 'resume' }>,
  file: SweepFile,
): ReadonlyMap<string, LoadedRecipe> {
  if (file.points.every(({ status }) => status === 'done')) {
    throw new ConfigError('this sweep is done', {
      where: folder,
      remedy: `See it with \`gadfly report ${folder}\`, or start a new one with another --out.`,
    });
  }
  const wanted = plan === null ? null : new Map(plan.points.map(({ name, loaded }) => [name, loaded]));
  const names = wanted === null ? [] : [...wanted.keys()];
  const differs = (what: string): ConfigError =>
    new ConfigError('the recipe is not the one this sweep was started with', {
      where: folder,
      got: `${what} differs`,
      remedy: 'Resume without naming a recipe or --set (but for limits), or start a new sweep with another --out.',
    });
  if (wanted !== null && JSON.stringify(names) !== JSON.stringify(file.points.map(({ name }) => name)))
    throw differs('the list of points');
  return new Map(
    file.points.map((point) => {
      const loaded = wanted?.get(point.name) ?? recipeOfPoint(file, point, folder, changes);
      const difference = firstDifference(
        { ...file.configurations[point.name], limits: null },
        { ...loaded.configuration, limits: null },
      );
      if (difference !== null) throw differs(`'${difference}' of ${point.name}`);
      return [point.name, loaded] as const;
    }),
  );
}

/** Files and models of every point, before the first is run. @throws ConfigError naming all that are missing */
function requireAll(recipes: ReadonlyMap<string, LoadedRecipe>): void {
  const missing = new Map<string, { readonly error: ConfigError; readonly points: string[] }>();
  for (const [name, loaded] of recipes) {
    for (const check of [requireFiles, requireModels]) {
      try {
        check(loaded);
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

function refuseTaken(folder: string, shown: string): void {
  if (holdsSweep(folder))
    throw new ConfigError('this folder already holds a sweep', {
      where: folder,
      remedy: `Continue it with \`gadfly run --resume ${shown}\`, or choose another --out.`,
    });
  if (existsSync(join(folder, 'manifest.json')))
    throw new ConfigError('this folder already holds a run', { where: folder, remedy: 'Choose another --out.' });
}

async function runPoints(
  planned: SweepFile,
  folder: string,
  recipes: ReadonlyMap<string, LoadedRecipe>,
  context: CommandContext,
): Promise<CommandResult> {
  const shown = relative(process.cwd(), folder) || '.';
  const total = planned.points.length;
  let file = planned;
  let view = gatherSweepView(folder, file);
  const keep = (points: readonly SweepPointState[]): void => {
    view = gatherSweepView(folder, {
      ...file,
      points,
      status: sweepStatus(points),
      updatedAt: context.terminal.clock.isoNow(),
    });
    file = view.file;
    writeSweepFile(folder, file);
  };
  const set = (name: string, change: Pick<SweepPointState, 'status' | 'reason' | 'thresholdExceeded'>): void => {
    keep(file.points.map((point) => (point.name === name ? { ...withoutOutcome(point), ...change } : point)));
  };
  context.log(`sweep of ${total} points in ${shown}; limits hold for each point`);
  keep(file.points);
  for (const { name, number, status } of file.points) {
    if (status === 'done') {
      context.log(`point ${number} of ${total}, ${name}: done before`);
      continue;
    }
    if (context.interrupted()) throw stopped(shown);
    context.log(`point ${number} of ${total}, ${name}`);
    set(name, { status: 'running' });
    try {
      set(
        name,
        await runPoint(recipes.get(name) as LoadedRecipe, join(folder, name), contextOfPoint(context, number, total)),
      ); // Every point has its recipe.
    } catch (error) {
      const reason = reasonOf(error);
      set(name, {
        status: error instanceof InterruptedError ? 'interrupted' : error instanceof BudgetError ? 'stopped' : 'failed',
        reason,
      });
      if (!(error instanceof InterruptedError))
        context.log(`point ${number} of ${total}, ${name}: ${error instanceof Error ? error.message : reason}`);
      else throw stopped(shown, error);
    } finally {
      writeFileAtomic(join(folder, 'sweep.html'), renderSweepHtml(view));
    }
  }
  return resultOf(view, shown);
}

async function runPoint(
  loaded: LoadedRecipe,
  folder: string,
  context: CommandContext,
): Promise<Pick<SweepPointState, 'status' | 'reason' | 'thresholdExceeded'>> {
  const begun = existsSync(join(folder, 'manifest.json'));
  const { json, exitCode } = await executeRun(loaded, { kind: begun ? 'resume' : 'new', folder }, context);
  const over = (json as JsonObject)['thresholdExceeded'];
  return {
    status: 'done',
    ...(exitCode === exitCodes.error ? { reason: 'a row has no scored reply, so there is no rate' } : {}),
    ...(Array.isArray(over) && over.length > 0 ? { thresholdExceeded: over.map(String) } : {}),
  };
}

/** One line: what went wrong, and with what. */
function reasonOf(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  const got = error instanceof GadflyError ? error.details.got : undefined;
  return got === undefined ? line : `${line}: ${got}`;
}

function withoutOutcome({ reason, thresholdExceeded, ...point }: SweepPointState): SweepPointState {
  return point;
}

function contextOfPoint(context: CommandContext, number: number, total: number): CommandContext {
  const { progress } = context;
  return {
    ...context,
    progress: {
      ...progress,
      update: (state) => {
        progress.update({ ...state, task: `${number}/${total} ${state.task}` });
      },
    },
  };
}

function stopped(shown: string, cause?: unknown): InterruptedError {
  return new InterruptedError('stopped as asked; the state is saved', {
    where: shown,
    remedy: `Go on with \`gadfly run --resume ${shown}\`.`,
    cause,
  });
}

function resultOf(view: SweepView, shown: string): CommandResult {
  const { file, folder } = view;
  const { points, tables } = file;
  const has = (wanted: SweepPointState['status']): boolean => points.some(({ status }) => status === wanted);
  const blind = points.some(({ status, reason }) => status === 'done' && reason !== undefined);
  const over = points.some(({ thresholdExceeded = [] }) => thresholdExceeded.length > 0);
  const notes = pointNotes(points);
  return {
    json: {
      sweep: folder,
      name: file.name,
      status: file.status,
      points: points.map(({ folder: own, ...point }) => ({
        ...point,
        thresholdExceeded: point.thresholdExceeded ?? [],
        folder: join(folder, own),
        rows: pointRows(tables, point.number),
      })),
      files: { sweep: join(folder, 'sweep.json'), html: join(folder, 'sweep.html') },
    },
    text: [
      sweepText(view),
      '',
      ...notes,
      ...(has('stopped')
        ? [`Go on with \`gadfly run --resume ${shown} --set limits.…=MORE\`; limits hold for each point.`]
        : []),
      ...(has('failed') ? [`Try the failed points again with \`gadfly run --resume ${shown}\`.`] : []),
      `${points.filter(({ status }) => status === 'done').length} of ${points.length} points done; table and picture: ${join(shown, 'sweep.html')}`,
    ].join('\n'),
    exitCode:
      has('failed') || blind
        ? exitCodes.error
        : has('stopped')
          ? exitCodes.budgetReached
          : over
            ? exitCodes.thresholdExceeded
            : exitCodes.ok,
  };
}

/** A point's rows, each with the table that it stands in. */
function pointRows(tables: SweepFile['tables'], number: number): JsonValue {
  const rows = tables.flatMap(({ id, rows: all }) => {
    const own = all.filter(({ point }) => point === number);
    return own.map(({ name, metrics, change }) => ({ table: id, name, metrics, change }));
  });
  return rows;
}

/** A point's recipe as it was planned, with changes that resuming may make. @throws RecipeError */
function recipeOfPoint(
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
