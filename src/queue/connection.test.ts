/** Addresses that are none, and a queue that does not answer. */
import { describe, expect, it } from 'vitest';
import { ConfigError, EnvironmentError } from '../base/errors.js';
import { openQueueConnection } from './connection.js';

describe('a queue', () => {
  it.each(['127.0.0.1:6379', 'http://127.0.0.1', 'redis://', 'mysql://me:secret@host/'])(
    'has an address of its form, which %s is not',
    async (url) => {
      const opening = openQueueConnection({ url, password: null });
      await expect(opening).rejects.toThrow(ConfigError);
      await expect(opening).rejects.not.toThrow(/secret/);
    },
  );

  it('that does not answer is said to, without the password, and with how to get one', async () => {
    // Port 1 of the loopback: nothing listens there.
    const opening = openQueueConnection({ url: 'redis://me:secret-word@127.0.0.1:1/0', password: null });
    await expect(opening).rejects.toThrow(EnvironmentError);
    await expect(opening).rejects.toThrow(/redis:\/\/127\.0\.0\.1:1\/0[^]*apt-get install redis-server/);
    await expect(opening).rejects.not.toThrow(/secret-word/);
  });
});
