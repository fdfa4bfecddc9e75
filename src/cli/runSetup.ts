/** What `run` needs before the first stage: input files that exist, their hashes, the workshop. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { ConfigError } from '../base/errors.js';
import { openDevice } from '../engine/runtime/device.js';
import { hashInput } from '../runs/manifest.js';
import type { InputHash } from '../runs/manifest.js';
import { recipeFiles } from '../runs/readRecipe.js';
import type { LoadedRecipe } from '../runs/readRecipe.js';
import { createWorkshop } from '../stages/workshop.js';
import type { Workshop } from '../stages/workshop.js';
import type { CommandContext } from './command.js';
import { fetchProgress } from './fetchProgress.js';
import { cacheFolder, isOffline } from './modelCache.js';

/** @throws ConfigError naming the key of the first file that is not there */
export function requireFiles({ recipe, source }: LoadedRecipe): void {
  for (const { key, name, path } of recipeFiles(recipe, source.folder)) {
    if (!existsSync(path)) throw new ConfigError('no such file', { where: key, got: name, expected: path, remedy: 'Paths start at the recipe’s folder.' });
  }
}

export async function hashInputs({ recipe, source }: LoadedRecipe): Promise<readonly InputHash[]> {
  const byName = new Map(recipeFiles(recipe, source.folder).map(({ name, path }) => [name, path]));
  const out: InputHash[] = [];
  for (const [name, path] of byName) out.push(await hashInput(name, path));
  return out;
}

export function openWorkshop({ recipe, source }: LoadedRecipe, { globals, terminal, progress }: CommandContext): Workshop {
  return createWorkshop({
    recipe,
    folder: source.folder,
    openDevice: () => openDevice({ threads: globals.threads ?? availableParallelism(), provider: globals.device }),
    cacheDir: cacheFolder(globals, terminal.environment),
    offline: isOffline(terminal.environment),
    onFetch: fetchProgress(progress),
  });
}
