/** `--port` of the commands that serve. */
import { ConfigError } from '../base/errors.js';
import { type FlagValues, numberFlag } from './command.js';

/** @throws ConfigError for a number that is no port */
export function portFlag(flags: FlagValues, standard: number): number {
  const port = numberFlag(flags, 'port') ?? standard;
  if (port > 65535) throw new ConfigError('not a port', { where: '--port', expected: '0 … 65535', got: String(port) });
  return port;
}
