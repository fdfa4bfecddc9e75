/** An OpenAI-compatible endpoint for one language model, on this machine's loopback address. */
import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { systemClock, type Clock } from '../base/clock.js';
import { ConfigError, EnvironmentError } from '../base/errors.js';
import type { LanguageModel } from '../engine/models/languageModel.js';
import { createApp } from './app.js';
import { openRowQueue } from './rowQueue.js';

export interface ServeOptions {
  /** The model's name in requests; default its own. */
  readonly name?: string;
  /** Default 0: a free one. */
  readonly port?: number;
  /** Requests must bear it; null asks for none. Default: a new random one. */
  readonly token?: string | null;
  /** Sequences generated together, at most. Default 32. */
  readonly maxRows?: number;
  /** Bytes for keys and values of the sequences. Default 1 GiB. */
  readonly cacheBytes?: number;
  /** Sequences that may wait; more are refused with status 429. Default 1024. */
  readonly maxWaiting?: number;
  /** Limit per request. Default 8 MiB. */
  readonly maxBodyBytes?: number;
  /** New tokens of a chat completion that asks for no number. Default 1024. */
  readonly defaultMaxTokens?: number;
  readonly clock?: Clock;
}

export interface RunningServer {
  /** Base address for clients, 'http://127.0.0.1:PORT/v1'. */
  readonly url: string;
  readonly port: number;
  readonly token: string | null;
  /** Sequences in work and waiting. */
  readonly counts: () => { readonly running: number; readonly waiting: number };
  /** Ends open requests with an error and stops listening. The model stays open. */
  readonly close: () => Promise<void>;
}

/** Serves until closed. The model must stay open and frozen meanwhile.
 *  @throws EnvironmentError when the port is taken or not allowed */
export async function serveModel(model: LanguageModel, options: ServeOptions = {}): Promise<RunningServer> {
  const {
    name = model.name,
    port = 0,
    token = newToken(),
    maxRows = 32,
    cacheBytes = 2 ** 30,
    maxWaiting = 1024,
  } = options;
  const { maxBodyBytes = 8 * 2 ** 20, defaultMaxTokens = 1024, clock = systemClock } = options;
  if (token === '')
    throw new ConfigError('an empty token keeps nobody out', {
      where: 'token',
      remedy: 'Give a token, or null to ask for none.',
    });
  const queue = await openRowQueue(model, { maxRows, cacheBytes, maxWaiting });
  const app = createApp({ name, model, queue, clock, defaultMaxTokens }, { token, maxBodyBytes });
  const server = createAdaptorServer({
    fetch: app.fetch,
    overrideGlobalObjects: false,
    hostname: '127.0.0.1',
  }) as Server; // HTTP/1: the default.
  try {
    await listen(server, port);
  } catch (error) {
    await queue.close();
    throw error;
  }
  const taken = (server.address() as AddressInfo).port; // A listening TCP server has such an address.
  return {
    url: `http://127.0.0.1:${taken}/v1`,
    port: taken,
    token,
    counts: queue.counts,
    close: async () => {
      const closed = new Promise<void>((resolve) =>
        server.close(() => {
          resolve();
        }),
      );
      await queue.close();
      // Answers that are on their way get a moment; a client that reads no further is cut off.
      setTimeout(() => {
        server.closeAllConnections();
      }, 250).unref();
      server.closeIdleConnections();
      await closed;
    },
  };
}

function newToken(): string {
  return `gadfly-${randomBytes(24).toString('base64url')}`;
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const got =
        cause.code === 'EADDRINUSE' ? 'it is in use' : cause.code === 'EACCES' ? 'it is not allowed' : cause.message;
      reject(
        new EnvironmentError('the port cannot be opened', {
          where: `127.0.0.1:${port}`,
          got,
          remedy: 'Choose another --port, or 0 for a free one.',
          cause,
        }),
      );
    });
    server.listen(port, '127.0.0.1', () => {
      resolve();
    });
  });
}
