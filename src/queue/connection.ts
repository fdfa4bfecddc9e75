/** The way to the Redis that holds the pieces of runs, and the two packages that know it. They are optional peers: they
 *  are loaded when a queue is named, and a message says how to get them.
 *
 *  Authentication and encryption are those of Redis: user and password in the address or in a variable, `rediss:` for
 *  TLS. Neither is ever shown. */
import type * as BullMqModule from 'bullmq';
import type { Redis } from 'ioredis';
import type * as IoRedisModule from 'ioredis';
import { ConfigError, EnvironmentError } from '../base/errors.js';

export type BullMq = typeof BullMqModule;

export interface QueueAddress {
  /** redis://[USER[:PASSWORD]@]HOST[:PORT][/DB], or rediss: for TLS. */
  readonly url: string;
  /** Overrides the password of the address; null leaves it. */
  readonly password: string | null;
}

export interface QueueConnection {
  /** The address without user and password. */
  readonly where: string;
  readonly bullmq: BullMq;
  /** For commands that do not wait. */
  readonly redis: Redis;
  /** Opens a connection of its own, for what waits; the caller closes it. */
  readonly connect: () => Redis;
  readonly close: () => Promise<void>;
}

/** All keys in Redis begin with it. */
export const keyPrefix = 'gadfly';

/** The oldest version of Redis that has all commands. */
const oldest = [6, 2] as const;
const timeoutMs = 5000;

/** Connects, and looks at the server's version.
 *  @param flag how the address was named, for messages
 *  @throws ConfigError for an address that is none; EnvironmentError when a package is missing, or nothing that is a Redis
 *    answers */
export async function openQueueConnection({ url, password }: QueueAddress, flag = '--queue'): Promise<QueueConnection> {
  const address = parseAddress(url, flag);
  const where = `${address.protocol}//${address.host}${address.pathname}`;
  const { bullmq, ioredis } = await loadPackages(flag);
  const opened: Redis[] = [];
  const connect = (): Redis => {
    const redis = new ioredis.Redis(url, {
      maxRetriesPerRequest: null,
      connectTimeout: timeoutMs,
      ...(password === null ? {} : { password }),
    });
    // Lost connections are made again; commands wait meanwhile. What is wrong at the start is said below.
    redis.on('error', () => undefined);
    opened.push(redis);
    return redis;
  };
  const close = async (): Promise<void> => {
    for (const redis of opened) redis.disconnect();
  };
  const redis = connect();
  try {
    await requireRedis(redis, where);
  } catch (error) {
    await close();
    throw error;
  }
  return { where, bullmq, redis, connect, close };
}

function parseAddress(url: string, flag: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed !== null && ['redis:', 'rediss:'].includes(parsed.protocol) && parsed.hostname !== '') return parsed;
  throw new ConfigError('this is no address of a queue', {
    where: flag,
    expected: 'redis://HOST:PORT/DB, or rediss:// for TLS',
    // The address may hold a password.
    got: parsed === null ? 'no URL' : `${parsed.protocol}…`,
  });
}

async function loadPackages(
  flag: string,
): Promise<{ readonly bullmq: BullMq; readonly ioredis: Pick<typeof IoRedisModule, 'Redis'> }> {
  try {
    return { bullmq: await import('bullmq'), ioredis: await import('ioredis') };
  } catch (cause) {
    throw new EnvironmentError('the packages that share out work are not installed', {
      where: flag,
      remedy: 'npm install bullmq@6.7 ioredis@6, beside gadfly-lm.',
      cause,
    });
  }
}

/** @throws EnvironmentError with the server's own words where it refuses */
async function requireRedis(redis: Redis, where: string): Promise<void> {
  const answer = await answerOf(redis);
  if (answer instanceof Error)
    throw new EnvironmentError('the queue does not answer', {
      where,
      expected: 'a Redis',
      got: answer.message,
      remedy: 'Start one (Debian: apt-get install redis-server), and check address, user, password and TLS.',
      cause: answer,
    });
  const version = /redis_version:([\d.]+)/.exec(answer)?.[1] ?? '0';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1]))
    throw new EnvironmentError('this Redis is too old', { where, expected: oldest.join('.'), got: version });
}

/** Asks for the server's version. Returns the first error of the connection where there is none. */
function answerOf(redis: Redis): Promise<string | Error> {
  return new Promise((resolve) => {
    redis.once('error', resolve);
    redis.info('server').then(resolve, (error: unknown) => {
      resolve(error instanceof Error ? error : new Error(String(error)));
    });
  });
}
