/** A Tinker-compatible trainer over our own engine, for one base model, on this machine's loopback address. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '../../base/clock.js';
import { ConfigError } from '../../base/errors.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import { type Listener, listenOnLoopback, newToken } from '../listener.js';
import { createTinkerApp } from './app.js';
import { openCheckpoints } from './checkpoints.js';
import { openFutures } from './futures.js';
import { openSamplers } from './samplers.js';
import { openTraining } from './training.js';

export interface ServeTinkerOptions {
  /** The base's name in requests; default its own. */
  readonly name?: string;
  /** Default 0: a free one. */
  readonly port?: number;
  /** Requests must bear it; null asks for none. Default: a new random one, of the form that the SDK asks of keys. */
  readonly token?: string | null;
  /** Folder of the checkpoints, which outlive the server. Default: a temporary one, which does not. */
  readonly folder?: string | null;
  /** Models that may be trained at once. Default 8. */
  readonly maxModels?: number;
  /** A session that has said nothing for so long may lose its models to another. Default five minutes. */
  readonly silentMs?: number;
  readonly clock?: Clock;
  /** Requests that may wait; more are refused with status 429. Default 1024. */
  readonly maxWaiting?: number;
  /** How long a question for a result waits before it is told to ask again. Default 20 s. */
  readonly waitMs?: number;
  /** Limit per request. Default 64 MiB. */
  readonly maxBodyBytes?: number;
}

export interface RunningTinker {
  /** Base address for clients, 'http://127.0.0.1:PORT'. */
  readonly url: string;
  readonly port: number;
  readonly token: string | null;
  readonly counts: () => { readonly models: number; readonly waiting: number };
  /** Ends what is in work and stops listening. The base stays open. */
  readonly close: () => Promise<void>;
}

/** Serves until closed. The base must stay open and frozen meanwhile.
 *  @throws EnvironmentError when the port is taken or not allowed */
export async function serveTinker(base: LanguageModel, options: ServeTinkerOptions = {}): Promise<RunningTinker> {
  const { name = base.name, port = 0, token = `tml-${newToken()}`, folder = null, maxModels = 8 } = options;
  const {
    silentMs = 300_000,
    clock = systemClock,
    maxWaiting = 1024,
    waitMs = 20_000,
    maxBodyBytes = 64 * 2 ** 20,
  } = options;
  if (token === '')
    throw new ConfigError('an empty token keeps nobody out', {
      where: 'token',
      remedy: 'Give a token, or null to ask for none.',
    });
  const root = folder ?? (await mkdtemp(join(tmpdir(), 'gadfly-tinker-')));
  const checkpoints = openCheckpoints(root);
  const futures = openFutures({ maxWaiting, waitMs });
  const training = openTraining({ name, base, checkpoints, futures, maxModels, silentMs, clock });
  const samplers = openSamplers({ name, base, checkpoints, futures });
  const parts = { name, contextLength: base.contextLength, training, samplers, futures, checkpoints };
  const app = createTinkerApp(parts, { token, maxBodyBytes, secret: randomBytes(32).toString('hex') });
  const release = async (): Promise<void> => {
    await futures.close();
    await samplers.close();
    await training.close();
    if (folder === null) await rm(root, { recursive: true, force: true });
  };
  let listener: Listener;
  try {
    listener = await listenOnLoopback(app.fetch, port);
  } catch (error) {
    await release();
    throw error;
  }
  return {
    url: `http://127.0.0.1:${String(listener.port)}`,
    port: listener.port,
    token,
    counts: () => ({ models: training.count(), waiting: futures.waiting() }),
    close: () => listener.close(release),
  };
}
