/** `gadfly run`: a recipe from start to report. */
import { existsSync } from 'node:fs';
import { ConfigError } from '../../base/errors.js';
import { listFlag, numberFlag, textFlag } from '../command.js';
import type { CommandDefinition, FlagValues } from '../command.js';

export const runCommand: CommandDefinition = {
  name: 'run',
  summary: 'run a recipe and report what it found',
  argument: { form: '[recipe]', summary: 'a file, or the name of a shipped recipe (see `gadfly list recipes`)' },
  flags: [
    { flags: '--out <dir>', summary: 'where the run is kept (default: runs/NAME)' },
    { flags: '--set <path=value>', summary: 'change a value of the recipe; may be repeated', parse: 'list' },
    { flags: '--seed <n>', summary: 'change the seed', parse: 'integer' },
    { flags: '--resume <dir>', summary: 'continue an interrupted run' },
    { flags: '--dry-run', summary: 'print what would be done: queries, tokens, steps, time (after `gadfly bench`) and price' },
  ],
  savesWhenInterrupted: true,
  examples: ['gadfly run demo', 'gadfly run demo --set stages.ipo.epochs=3 --out runs/short', 'gadfly run --resume runs/demo'],
  run: async (argument, flags, context) => {
    const changes = changesOf(flags);
    const resume = textFlag(flags, 'resume');
    if (argument === undefined && resume === undefined) throw new ConfigError('no recipe', { expected: 'the name of a recipe, or --resume DIR', remedy: 'See `gadfly list recipes`.' });
    if (resume !== undefined && textFlag(flags, 'out') !== undefined) throw new ConfigError('a resumed run stays where it is', { where: '--out', remedy: 'Leave --out away.' });
    for (const name of ['out', 'resume']) if (flags[name] === '') throw new ConfigError('no folder is named', { where: `--${name}`, expected: 'a path', got: '""' });
    const { loadRecipe, recipeOfRun } = await import('../../runs/readRecipe.js');
    const { readManifest } = await import('../../runs/manifest.js');
    const loaded = argument === undefined && resume !== undefined ? recipeOfRun(readManifest(resume), `${resume}/manifest.json`, changes) : loadRecipe(argument ?? '', changes);
    if (flags['dryRun'] === true) {
      const { planRun } = await import('../planRun.js');
      return planRun(loaded, context);
    }
    const { executeRun } = await import('../executeRun.js');
    const out = textFlag(flags, 'out');
    return executeRun(loaded, resume === undefined ? { kind: 'new', folder: out ?? freeFolder(`runs/${loaded.recipe.name}`) } : { kind: 'resume', folder: resume }, context);
  },
};

function changesOf(flags: FlagValues): { readonly set: readonly string[]; readonly seed?: number } {
  const seed = numberFlag(flags, 'seed');
  return { set: listFlag(flags, 'set'), ...(seed === undefined ? {} : { seed }) };
}

/** The first of runs/NAME, runs/NAME-2 … that is free. */
function freeFolder(wanted: string): string {
  for (let i = 1; ; i++) {
    const folder = i === 1 ? wanted : `${wanted}-${i}`;
    if (!existsSync(folder)) return folder;
  }
}
