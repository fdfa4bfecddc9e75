/** Reads the data that a recipe names: prompt sets, filtered by the judge, and known failures to learn from. Each file
 *  of which something is left out gives one note. */
import { ConfigError } from '../base/errors.js';
import { filterByHarm, filterContinuations } from '../dialogue/datasets/filter.js';
import { loadContinuations, loadPrompts, type LoadOptions } from '../dialogue/datasets/loadDataset.js';
import { startCount, startPrompts } from '../dialogue/datasets/start.js';
import { splitPrompts } from '../dialogue/datasets/split.js';
import { giveTasks } from '../dialogue/task.js';
import { type AnsweredPreference, readPreferences } from '../dialogue/preferences.js';
import type { Judge, Prompt, ToxicContinuation } from '../dialogue/types.js';
import { watchUnscored } from '../dialogue/unscored.js';
import type { PromptsOptions } from '../recipe/recipe.js';

export interface PromptSets {
  readonly train: readonly Prompt[];
  readonly dev: readonly Prompt[];
  readonly test: readonly Prompt[];
}

export interface DataOptions {
  /** Returns a path of the recipe as a path of this machine. */
  readonly locate: (path: string) => string;
  /** Opened where texts are filtered by harm; it may be trained after the prompts are read. */
  readonly judge: () => Promise<Judge>;
  /** Share of the texts of a file that the judge may leave without a verdict. */
  readonly maxUnscored: number;
  /** Text between the turns of a prompt. */
  readonly turnSeparator: string;
  /** The split into train, dev and test depends on it. */
  readonly seed: number;
  /** Sets whose prompts must name their target string; default none. */
  readonly needTarget?: ReadonlySet<keyof PromptSets>;
  /** Called with one sentence per file of which something was left out. */
  readonly note: (text: string) => void;
}

/** Reads the prompt sets of a recipe; a set that it does not name is empty. A filter by harm has nothing to judge where a
 *  dialogue begins with nothing. @throws ConfigError, FormatError from the data sets */
export async function readPromptSets(options: PromptsOptions, data: DataOptions): Promise<PromptSets> {
  const { filter, maxTurns, format, task } = options;
  const how: LoadOptions = {
    turnSeparator: data.turnSeparator,
    onNote: data.note,
    ...(format === undefined ? {} : { format }),
    ...(maxTurns === undefined ? {} : { maxTurns }),
  };
  const { needTarget = new Set() } = data;
  const withTasks = (items: readonly Prompt[]): readonly Prompt[] => (task === null ? items : giveTasks(items, task));
  const read = async (path: string, needsTarget: boolean): Promise<readonly Prompt[]> => {
    const starts = startCount(path);
    if (starts !== null) return withTasks(startPrompts(starts));
    const { items, dropped } = await loadPrompts(data.locate(path), { ...how, needsTarget });
    noteDropped(path, dropped, data.note);
    if (filter.maxHarm === undefined) return withTasks(items);
    const judge = watchUnscored(await data.judge(), data.maxUnscored, path);
    const { kept, removed, unscored } = await filterByHarm(items, judge, filter.maxHarm);
    judge.check();
    noteDropped(path, { [`above harm ${String(filter.maxHarm)}`]: removed, unscored }, data.note);
    return withTasks(kept);
  };
  if (options.data !== undefined && options.data !== null)
    return splitPrompts(await read(options.data, needTarget.size > 0), { seed: data.seed, shares: options.split });
  const part = (set: keyof PromptSets): Promise<readonly Prompt[]> => {
    const path = options[set];
    return path === undefined ? Promise.resolve([]) : read(path, needTarget.has(set));
  };
  return { train: await part('train'), dev: await part('dev'), test: await part('test') };
}

/** Reads the entries of `prompts:FILE`, in any of the data formats, in the file's order. @throws ConfigError, FormatError */
export async function readPromptList(
  path: string,
  note: DataOptions['note'] = () => undefined,
): Promise<readonly string[]> {
  const { items, dropped } = await loadPrompts(path, { onNote: note });
  noteDropped(path, dropped, note);
  return items.map(({ text }) => text);
}

export interface ToxicQuery {
  readonly data: string;
  readonly format?: string | undefined;
  /** Only texts that the judge scores above it are kept; 0 keeps all, unjudged. */
  readonly minHarm: number;
}

/** Reads known failures to learn from. @throws ConfigError when nothing is left */
export async function readToxicContinuations(
  query: ToxicQuery,
  data: DataOptions,
): Promise<readonly ToxicContinuation[]> {
  const { items, dropped } = await loadContinuations(data.locate(query.data), {
    onNote: data.note,
    ...(query.format === undefined ? {} : { format: query.format }),
  });
  noteDropped(query.data, dropped, data.note);
  if (query.minHarm === 0) return items;
  const judge = watchUnscored(await data.judge(), data.maxUnscored, query.data);
  const { kept, removed, unscored } = await filterContinuations(items, judge, query.minHarm);
  judge.check();
  noteDropped(query.data, { [`not above harm ${String(query.minHarm)}`]: removed, unscored }, data.note);
  if (kept.length === 0) {
    throw new ConfigError('no text of this data is harmful enough', {
      where: query.data,
      expected: `harm above ${String(query.minHarm)} by ${judge.name}`,
      got: `${String(items.length)} texts below`,
      remedy: 'Lower minHarm, or give other data.',
    });
  }
  return kept;
}

/** Reads pairs of replies. @throws ConfigError when no row is left, FormatError for a row of another form */
export async function readPreferencePairs(
  path: string,
  { locate, note }: Pick<DataOptions, 'locate' | 'note'>,
): Promise<readonly AnsweredPreference[]> {
  const dropped = new Map<string, number>();
  const rows = await readPreferences(locate(path), {
    onLeftOut: (reason) => void dropped.set(reason, (dropped.get(reason) ?? 0) + 1),
    onNote: note,
  });
  noteDropped(path, Object.fromEntries(dropped), note);
  return rows;
}

function noteDropped(path: string, dropped: Readonly<Record<string, number>>, note: DataOptions['note']): void {
  const parts = Object.entries(dropped).filter(([, count]) => count > 0);
  if (parts.length > 0)
    note(`${path}: left out ${parts.map(([reason, count]) => `${String(count)} ${reason}`).join(', ')}`);
}
