/** `gadfly run`: a recipe from start to report, or, where it sweeps, every point of it. */
import { ConfigError } from '../../base/errors.js';
import { freeFolder } from '../../base/makeFolder.js';
import { recipeChanges, textFlag } from '../command.js';
import type { CommandContext, CommandDefinition, CommandResult, FlagValues } from '../command.js';
import { queueFlags, shardFlag, withSharing } from '../sharing.js';
import type { LoadedRecipe } from '../../recipe/readRecipe.js';
import type { RecipeChanges } from '../../recipe/recipeSource.js';
import type { Experiment } from '../../recipe/sweepPlan.js';
import type { RunPlace } from '../../stages/runRecipe.js';

export const runCommand: CommandDefinition = {
  name: 'run',
  summary: 'run a recipe and report what it found',
  argument: { form: '[recipe]', summary: 'a file, or the name of a shipped recipe (see `gadfly list recipes`)' },
  flags: [
    { flags: '--out <dir>', summary: 'where the run, or the sweep with its runs, is kept (default: runs/NAME)' },
    { flags: '--set <path=value>', summary: 'change a value of the recipe; may be repeated', parse: 'list' },
    { flags: '--seed <n>', summary: 'change the seed', parse: 'integer' },
    { flags: '--resume <dir>', summary: 'continue an interrupted run or sweep' },
    {
      flags: '--dry-run',
      summary: 'print what would be done: queries, tokens, steps, time (after `gadfly bench`) and price',
    },
    shardFlag,
    ...queueFlags,
  ],
  savesWhenInterrupted: true,
  examples: [
    'gadfly run demo',
    'gadfly run demo --set stages.ipo.epochs=3 --out runs/short',
    'gadfly run --resume runs/demo',
  ],
  run: async (argument, flags, context) => {
    const changes = recipeChanges(flags);
    const resume = textFlag(flags, 'resume');
    if (argument === undefined && resume === undefined)
      throw new ConfigError('no recipe', {
        expected: 'the name of a recipe, or --resume DIR',
        remedy: 'See `gadfly list recipes`.',
      });
    if (resume !== undefined && textFlag(flags, 'out') !== undefined)
      throw new ConfigError('a resumed run stays where it is', { where: '--out', remedy: 'Leave --out away.' });
    for (const name of ['out', 'resume'])
      if (flags[name] === '')
        throw new ConfigError('no folder is named', { where: `--${name}`, expected: 'a path', got: '""' });
    const { loadExperiment } = await import('../../recipe/sweepPlan.js');
    const { holdsSweep } = await import('../../report/sweepFile.js');
    const named = argument === undefined ? null : loadExperiment(argument, changes);
    if (resume !== undefined)
      return (holdsSweep(resume) ? resumeSweep : resumeRun)({ folder: resume, named, changes, flags, context });
    if (named === null) throw new ConfigError('no recipe', { expected: 'the name of a recipe' });
    const { loaded, plan } = named;
    const folder = textFlag(flags, 'out') ?? freeFolder(`runs/${loaded.recipe.name}`);
    if (plan !== null) {
      if (flags['dryRun'] === true)
        return (await import('../planSweepRuns.js')).planSweepRuns(
          new Map(plan.points.map((point) => [point.name, point.loaded])),
          context,
        );
      const { executeSweep } = await import('../executeSweep.js');
      return withSharing(flags, context, (sharing) => executeSweep({ kind: 'new', plan, folder }, context, sharing));
    }
    if (holdsSweep(folder))
      throw new ConfigError('this folder already holds a sweep', { where: folder, remedy: 'Choose another --out.' });
    return startRun(loaded, { kind: 'new', folder }, flags, context);
  },
};

async function startRun(
  loaded: LoadedRecipe,
  place: RunPlace,
  flags: FlagValues,
  context: CommandContext,
): Promise<CommandResult> {
  if (flags['dryRun'] === true) {
    const { planRun } = await import('../planRun.js');
    return planRun(loaded, context);
  }
  const { executeRun } = await import('../executeRun.js');
  return withSharing(flags, context, (sharing) => executeRun(loaded, place, context, sharing));
}

interface ResumeOptions {
  readonly folder: string;
  /** The recipe, when it is named again. */
  readonly named: Experiment | null;
  readonly changes: RecipeChanges;
  readonly flags: FlagValues;
  readonly context: CommandContext;
}

async function resumeRun({ folder, named, changes, flags, context }: ResumeOptions): Promise<CommandResult> {
  if (named !== null && named.plan !== null)
    throw new ConfigError('this recipe is a sweep, but the folder holds a single run', {
      where: folder,
      remedy: 'Leave the recipe away.',
    });
  const { recipeOfRun } = await import('../../recipe/readRecipe.js');
  const { readManifest } = await import('../../runs/manifest.js');
  return startRun(
    named?.loaded ?? recipeOfRun(readManifest(folder), `${folder}/manifest.json`, changes),
    { kind: 'resume', folder },
    flags,
    context,
  );
}

async function resumeSweep({ folder, named, changes, flags, context }: ResumeOptions): Promise<CommandResult> {
  if (named !== null && named.plan === null)
    throw new ConfigError('this folder holds a sweep, but the recipe is none', {
      where: folder,
      remedy: 'Leave the recipe away.',
    });
  const { recipesLeft } = await import('../../stages/sweepRecipes.js');
  const start = { kind: 'resume', folder, changes, plan: named?.plan ?? null } as const;
  if (flags['dryRun'] === true) return (await import('../planSweepRuns.js')).planSweepRuns(recipesLeft(start), context);
  const { executeSweep } = await import('../executeSweep.js');
  return withSharing(flags, context, (sharing) => executeSweep(start, context, sharing));
}
