/** An OpenAI-compatible endpoint for one language model, on this machine's loopback address. */
import { systemClock, type Clock } from '../base/clock.js';
import { ConfigError } from '../base/errors.js';
import type { LanguageModel } from '../engine/models/languageModel.js';
import { createApp } from './app.js';
import { type Listener, listenOnLoopback, newToken } from './listener.js';
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
  let listener: Listener;
  try {
    listener = await listenOnLoopback(app.fetch, port);
  } catch (error) {
    await queue.close();
    throw error;
  }
  return {
    url: `http://127.0.0.1:${listener.port}/v1`,
    port: listener.port,
    token,
    counts: queue.counts,
    close: async () => {
      await listener.close(queue.close);
    },
  };
}
