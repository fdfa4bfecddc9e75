/** Decides where fetched models are kept and whether the network may be asked: flags first, then the hub's environment
 *  variables. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { GlobalOptions } from './command.js';

/** --cache, else GADFLY_CACHE, else HF_HUB_CACHE, else HF_HOME/hub, else huggingface/hub in XDG_CACHE_HOME or ~/.cache.
 */
export function cacheFolder(
  globals: Pick<GlobalOptions, 'cache'>,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  if (globals.cache !== null) return globals.cache;
  if (isSet(environment['GADFLY_CACHE'])) return environment['GADFLY_CACHE'];
  if (isSet(environment['HF_HUB_CACHE'])) return environment['HF_HUB_CACHE'];
  if (isSet(environment['HF_HOME'])) return join(environment['HF_HOME'], 'hub');
  const base = isSet(environment['XDG_CACHE_HOME']) ? environment['XDG_CACHE_HOME'] : join(homedir(), '.cache');
  return join(base, 'huggingface', 'hub');
}

export function isOffline(environment: Readonly<Record<string, string | undefined>>): boolean {
  return ['1', 'true', 'yes', 'on'].includes((environment['HF_HUB_OFFLINE'] ?? '').toLowerCase());
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}
