/** How the command line opens models: threads, device, cache, keys from the environment. */
import { availableParallelism } from 'node:os';
import { openDevice } from '../engine/runtime/device.js';
import { type ModelPool, openModelPool, type ModelPoolOptions } from '../models/pool.js';
import type { LoadedRecipe } from '../recipe/readRecipe.js';
import type { CommandContext } from './command.js';
import { fetchProgress } from './fetchProgress.js';
import { cacheFolder, isOffline } from './modelCache.js';

export function poolSettings({
  globals,
  terminal,
  progress,
  signal,
}: CommandContext): Omit<ModelPoolOptions, 'recipe' | 'folder' | 'runFolder' | 'note' | 'spending' | 'beforeRequest'> {
  return {
    openDevice: () =>
      openDevice({ threads: globals.threads ?? availableParallelism(), provider: globals.device, signal }),
    cacheDir: cacheFolder(globals, terminal.environment),
    offline: isOffline(terminal.environment),
    onFetch: fetchProgress(progress),
    environment: terminal.environment,
    signal,
  };
}

/** A pool for work beside a run: nothing that is asked is kept. */
export function openPool({ recipe, source }: LoadedRecipe, context: CommandContext): ModelPool {
  return openModelPool({
    ...poolSettings(context),
    recipe,
    folder: source.folder,
    runFolder: null,
    note: context.log,
  });
}
