/** `gadfly plant | explore | establish | exploit | mend | estimate | evaluate --config FILE`: the stages of one kind of a recipe, on its run directory. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../../base/errors.js';
import { stageKinds, type StageKindName } from '../../recipe/stages/all.js';
import { queueFlags, shardFlag, withSharing } from '../sharing.js';
import { recipeChanges, textFlag } from '../command.js';
import type { CommandDefinition } from '../command.js';

function stageCommand(kind: StageKindName): CommandDefinition {
  return {
    name: kind,
    summary: stageKinds[kind].summary,
    flags: [
      { flags: '--config <file>', summary: 'a recipe, or the name of a shipped one' },
      {
        flags: '--out <dir>',
        summary: 'the run directory: a new one, or one with the stages before (default: runs/NAME)',
      },
      { flags: '--set <path=value>', summary: 'change a value of the recipe; may be repeated', parse: 'list' },
      { flags: '--seed <n>', summary: 'change the seed', parse: 'integer' },
      shardFlag,
      ...queueFlags,
    ],
    savesWhenInterrupted: true,
    examples: [`gadfly ${kind} --config recipe.yaml --out runs/mine`],
    run: async (_argument, flags, context) => {
      const config = textFlag(flags, 'config');
      if (config === undefined || config === '')
        throw new ConfigError('no recipe', { where: '--config', expected: 'a file, or the name of a shipped recipe' });
      const { loadExperiment } = await import('../../recipe/sweepPlan.js');
      const { loaded, plan } = loadExperiment(config, recipeChanges(flags));
      if (plan !== null) throw new ConfigError('a sweep runs whole', { where: 'sweep', remedy: 'Use `gadfly run`.' });
      const folder = textFlag(flags, 'out') ?? join('runs', loaded.recipe.name);
      const { executeRun } = await import('../executeRun.js');
      const place = { kind: existsSync(join(folder, 'manifest.json')) ? 'resume' : 'new', folder } as const;
      return withSharing(flags, context, (sharing) => executeRun(loaded, place, context, { ...sharing, only: kind }));
    },
  };
}

export const plantCommand = stageCommand('plant');
export const exploreCommand = stageCommand('explore');
export const establishCommand = stageCommand('establish');
export const exploitCommand = stageCommand('exploit');
export const mendCommand = stageCommand('mend');
export const estimateCommand = stageCommand('estimate');
export const evaluateCommand = stageCommand('evaluate');
