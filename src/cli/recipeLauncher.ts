/** How `gadfly ui` starts runs: this very program, as it was started, in a process group of its own, so that Ctrl-C in the
 *  terminal of the page does not reach it. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { loadRecipe, shippedRecipes } from '../recipe/readRecipe.js';
import type { Launcher } from '../server/runs/jobDesk.js';
import type { RecipeFacts } from '../server/runs/protocol.js';
import type { GlobalOptions } from './command.js';

/** Folders, relative to the working one, whose recipes can be started. */
const folders = ['.', 'recipes'] as const;

export function recipeLauncher({ threads, device, cache }: GlobalOptions): Launcher {
  let shipped: readonly RecipeFacts[] | null = null;
  const globals = [
    ...(threads === null ? [] : ['--threads', String(threads)]),
    ...(device === 'cpu' ? [] : ['--device', device]),
    ...(cache === null ? [] : ['--cache', cache]),
  ];
  return {
    recipes: () => {
      shipped ??= shippedRecipes().map(({ name }) => ({ name, summary: loadRecipe(name).recipe.description ?? '' }));
      return [...recipeFiles(), ...shipped];
    },
    launch: (args, output) => {
      const [, program = ''] = process.argv;
      return spawn(process.execPath, [...process.execArgv, program, ...globals, ...args], {
        detached: true,
        stdio: ['ignore', output, output],
        env: { ...process.env, NO_COLOR: '1' },
      });
    },
  };
}

function recipeFiles(): readonly RecipeFacts[] {
  return folders.flatMap((folder) =>
    !existsSync(folder)
      ? []
      : readdirSync(folder)
          .filter((file) => /\.ya?ml$/.test(file))
          .sort()
          .map((file) => ({ name: folder === '.' ? `./${file}` : `${folder}/${file}`, summary: 'a file here' })),
  );
}
