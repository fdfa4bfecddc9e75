/** The flags by which a run is shared out over workers, and its dialogues are cut. */
import { resolve } from 'node:path';
import { ConfigError } from '../base/errors.js';
import type { QueueAddress } from '../queue/connection.js';
import type { RunOptions } from '../stages/runRecipe.js';
import { type CommandContext, type FlagDefinition, type FlagValues, numberFlag, textFlag } from './command.js';

/** Flags of the queue itself, which a run and its workers have in common. */
export const queueFlags: readonly FlagDefinition[] = [
  { flags: '--queue <address>', summary: 'redis://HOST:PORT/DB, or rediss:// for TLS: where work is shared out' },
  {
    flags: '--queue-password-env <name>',
    summary: 'environment variable that holds the password of the queue (default: that of the address)',
  },
  {
    flags: '--store <dir>',
    summary: 'folder of weights that the run and its workers share (default: store in the folder of the run)',
  },
];

export const shardFlag: FlagDefinition = {
  flags: '--shard <n>',
  summary: 'dialogues that are played together, at most; with --queue those of a job (default: 8)',
  parse: 'count',
};

export type SharingSettings = Pick<RunOptions, 'sharing' | 'shard'>;

/** Opens the queue that flags name for as long as it is used.
 *  @throws ConfigError, EnvironmentError when it cannot be reached */
export async function withSharing<T>(
  flags: FlagValues,
  context: CommandContext,
  use: (settings: SharingSettings) => Promise<T>,
): Promise<T> {
  const shard = numberFlag(flags, 'shard') ?? null;
  const address = queueAddress(flags, context);
  const store = storeFolder(flags);
  if (address === null) {
    if (store !== null)
      throw new ConfigError('there is nobody to share weights with', { where: '--store', remedy: 'Add --queue.' });
    return use({ sharing: null, shard });
  }
  const { openQueueConnection } = await import('../queue/connection.js');
  const { openSharing } = await import('../stages/sharing/openSharing.js');
  const connection = await openQueueConnection(address);
  try {
    return await use({ sharing: openSharing({ connection, store }), shard });
  } finally {
    await connection.close();
  }
}

/** Returns null where no queue is named. @throws ConfigError for a variable that holds nothing */
export function queueAddress(flags: FlagValues, { terminal }: CommandContext): QueueAddress | null {
  const url = textFlag(flags, 'queue');
  const name = textFlag(flags, 'queuePasswordEnv');
  if (url === undefined) {
    if (name === undefined) return null;
    throw new ConfigError('no queue is named', { where: '--queue-password-env', remedy: 'Add --queue.' });
  }
  const password = name === undefined ? null : (terminal.environment[name] ?? '');
  if (password !== '') return { url, password };
  throw new ConfigError('the variable holds no password', {
    where: '--queue-password-env',
    ...(name === undefined ? {} : { got: name, remedy: `Set ${name} in the environment.` }),
  });
}

export function storeFolder(flags: FlagValues): string | null {
  const store = textFlag(flags, 'store');
  return store === undefined ? null : resolve(store);
}
