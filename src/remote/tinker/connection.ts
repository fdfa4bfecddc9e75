/** The way to a server of the Tinker protocol: calls in JSON whose results are fetched later, and archives. The key is in a
 *  header and nowhere else. Paced, retried within bounds and counted as other requests are.
 *
 *  A call that changes a model is never sent twice: one that brought no answer may have been done. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { systemClock } from '../../base/clock.js';
import { TargetError } from '../../base/errors.js';
import { parseAs, parseBody } from '../answerBody.js';
import { exchange, exchangeBytes } from '../exchange.js';
import { failureIn, RemoteFailure } from '../failure.js';
import { proxyFor } from '../proxy.js';
import { keyFrom, openQuestions } from '../questions.js';
import { createRedaction, shownVariable } from '../secrets.js';
import type { EndpointOptions } from '../types.js';
import { openUrl, requireUrl } from '../wire.js';
import { LostModelError } from './lostModel.js';

export interface TinkerConnectionOptions extends Pick<
  EndpointOptions,
  | 'baseUrl'
  | 'apiKeyEnv'
  | 'environment'
  | 'timeoutMs'
  | 'retries'
  | 'requestsPerMinute'
  | 'signal'
  | 'beforeRequest'
  | 'onAnswer'
> {
  /** US dollars per million tokens, read without a gradient and with one; null when unknown. */
  readonly prices: { readonly forward: number; readonly train: number } | null;
}

export interface TinkerCall<T> {
  /** Below /api/v1/. */
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** The form of the result. */
  readonly schema: z.ZodType<T>;
  /** It is about a model that was opened; default false. */
  readonly onModel?: boolean;
  /** Doing it twice is not doing it once; default false. */
  readonly changes?: boolean;
  readonly tokens?: { readonly forward?: number; readonly train?: number };
}

export interface TinkerConnection {
  /** The result of a call, waited for.
   *  @throws TargetError, InterruptedError; LostModelError when the server does not know the model, or may have done what
   *    it did not answer */
  readonly ask: <T>(call: TinkerCall<T>) => Promise<T>;
  /** The tar.gz of the checkpoint at tinker://RUN/KIND/NAME, as it came. @throws TargetError, InterruptedError */
  readonly archive: (address: string) => Promise<Uint8Array>;
  /** For messages, without anything secret. */
  readonly where: string;
  readonly close: () => void;
}

/** A result that takes longer is not waited for. */
const longestWaitMs = 60 * 60_000;
/** Servers keep a question for a result waiting, some for five minutes. */
const pollTimeoutMs = 330_000;
const maxArchiveBytes = 2 ** 32 - 2 ** 16;

const future = z.looseObject({ request_id: z.string().min(1) });
const pending = z.looseObject({ type: z.literal('try_again') });
const failed = z.looseObject({ error: z.string(), category: z.string().optional() });

/** @throws ConfigError for an address that is none, or a key that is not there; asks nothing yet */
export function openTinkerConnection(options: TinkerConnectionOptions): TinkerConnection {
  const { apiKeyEnv, environment = process.env, timeoutMs, prices } = options;
  requireUrl(options.baseUrl, 'trainer.baseUrl');
  const base = openUrl(options.baseUrl, {}, 'trainer.baseUrl');
  const key = keyFrom(apiKeyEnv, environment, 'trainer.apiKeyEnv');
  const redaction = createRedaction(key === null ? [] : [key]);
  const api = `${base.origin}${base.pathname.replace(/\/+$/, '').replace(/\/api\/v1$/, '')}/api/v1`;
  const proxy = proxyFor(base, environment);
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json',
    'user-agent': 'gadfly',
    ...(key === null ? {} : { 'x-api-key': key }),
  };
  const keyHint =
    apiKeyEnv === null
      ? 'Name the environment variable of the key: trainer.apiKeyEnv.'
      : `Check the key in ${shownVariable(apiKeyEnv)}.`;
  const questions = openQuestions({
    ...options,
    concurrency: 4,
    cacheDir: null,
    prices: prices === null ? null : { input: prices.forward, output: prices.train },
  });
  const protocol = 'Tinker';

  const post = async <T>(
    call: Pick<TinkerCall<T>, 'path' | 'body' | 'tokens' | 'changes'>,
    read: (answer: unknown, where: string) => T,
  ): Promise<T> => {
    const { path, tokens = {}, changes = false } = call;
    const where = `${api}/${path}`;
    const body = JSON.stringify(call.body);
    return questions.ask({
      key: `${path} ${body}`,
      send: async (signal) => {
        const isPoll = path === 'retrieve_future';
        const limits = { timeoutMs: isPoll ? Math.max(timeoutMs, pollTimeoutMs) : timeoutMs, signal };
        try {
          return redaction.body(
            await exchange({ url: where, method: 'POST', headers, body }, { ...limits, redaction, proxy, keyHint }),
          );
        } catch (error) {
          if (!(error instanceof RemoteFailure)) throw error;
          if (isPoll && error.status === 408) return '{"type":"try_again"}';
          if (changes && error.retryable && error.status !== 429) throw new LostModelError(error.error);
          throw error;
        }
      },
      read: (answer) => ({
        value: read(parseBody(answer, where), where),
        tokens: { prompt: tokens.forward ?? 0, completion: tokens.train ?? 0 },
      }),
    });
  };

  /** Asks for a result until it is there. */
  const fetched = async <T>(id: string, call: TinkerCall<T>): Promise<T> => {
    const begun = systemClock.monotonicMs();
    for (let pauseMs = 20; systemClock.monotonicMs() - begun < longestWaitMs; pauseMs = Math.min(1000, 2 * pauseMs)) {
      const result = await post({ path: 'retrieve_future', body: { request_id: id } }, (answer) => answer);
      if (!pending.safeParse(result).success) return resultOf(result, call);
      // A server that answers at once is not asked without a pause.
      await sleep(pauseMs, undefined, options.signal === undefined ? {} : { signal: options.signal });
    }
    throw new TargetError('no result in time', {
      where: `${api}/${call.path}`,
      expected: `a result within ${String(longestWaitMs / 60_000)} minutes`,
      remedy: 'Look at the server’s own log; resume the run when it is well again.',
    });
  };

  const resultOf = <T>(result: unknown, { path, schema }: TinkerCall<T>): T => {
    const where = `${api}/${path}`;
    const failure = failed.safeParse(result);
    if (!failure.success) return parseAs(schema, result, { where, protocol });
    throw new TargetError('the server could not do it', {
      where,
      expected: 'a result',
      got: redaction.message(failure.data.error).slice(0, 400),
      remedy: 'Its message says why.',
    });
  };

  return {
    where: api,
    close: questions.close,
    ask: async (call) => {
      try {
        const answer = await post(call, (value) => value);
        const taken = future.safeParse(answer);
        return await (taken.success ? fetched(taken.data.request_id, call) : resultOf(answer, call));
      } catch (error) {
        const status = failureIn(error)?.status ?? null;
        if (call.onModel === true && (status === 404 || status === 410)) throw new LostModelError(error);
        throw error;
      }
    },
    archive: async (address) => {
      const [, run = '', kind = '', name = ''] = /^tinker:\/\/([^/]+)\/(?:([^/]+)\/)?([^/]+)$/.exec(address) ?? [];
      const signal = options.signal ?? new AbortController().signal;
      const get = async (url: URL): ReturnType<typeof exchangeBytes> => {
        // The key is for the server that was named, and for no other that it names.
        const own = url.origin === base.origin ? headers : { 'user-agent': 'gadfly' };
        return exchangeBytes(
          { url: url.href, method: 'GET', headers: { ...own, accept: '*/*' }, body: '' },
          {
            timeoutMs: Math.max(timeoutMs, pollTimeoutMs),
            signal,
            redaction,
            proxy,
            keyHint,
            maxBytes: maxArchiveBytes,
            returnsRedirects: true,
          },
        );
      };
      options.beforeRequest?.();
      const folder = `${api}/training_runs/${encodeURIComponent(run)}/checkpoints`;
      // Some servers call a checkpoint KIND/NAME, as the SDK does, and some NAME alone.
      let answer = await get(new URL(`${folder}/${kind}/${name}/archive`)).catch((error: unknown) => {
        if (failureIn(error)?.status !== 404) throw asTargetError(error);
        return null;
      });
      answer ??= await get(new URL(`${folder}/${name}/archive`)).catch((error: unknown) => {
        throw asTargetError(error);
      });
      const next = nextAddress(answer, base);
      return next === null ? answer.bytes : (await get(next)).bytes;
    },
  };
}

function asTargetError(error: unknown): unknown {
  return error instanceof RemoteFailure ? error.error : error;
}

const archiveUrl = z.looseObject({ url: z.string() });

/** Returns the address of the archive where the answer only names it; null where the answer is the archive.
 *  @throws TargetError for an address on another host that is not https */
function nextAddress({ status, headers, bytes }: Awaited<ReturnType<typeof exchangeBytes>>, base: URL): URL | null {
  const isJson = /json/i.test(headers.get('content-type') ?? '');
  if (status < 300 && !isJson) return null;
  const named = isJson
    ? archiveUrl.safeParse(parseBody(new TextDecoder().decode(bytes), 'archive')).data?.url
    : (headers.get('location') ?? undefined);
  const url = named !== undefined && URL.canParse(named, base) ? new URL(named, base) : null;
  if (url !== null && (url.origin === base.origin || url.protocol === 'https:')) return url;
  throw new TargetError('the server does not say where the archive is', {
    where: base.origin,
    expected: 'an address of its own, or one of https',
    got: url === null ? 'none' : url.protocol,
  });
}
