/** These stand between a request and the wire, in every protocol: the cache, pacing, retries within bounds, the
 *  count of what was spent, and the stop. A server that asks to wait is waited for by every request, not only by the
 *  one that it answered. */
import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import PQueue from 'p-queue';
import { systemClock } from '../base/clock.js';
import { ConfigError, InterruptedError, TargetError } from '../base/errors.js';
import { failureIn, type RemoteFailure } from './failure.js';
import { openResponseCache } from './responseCache.js';
import { backoffMs } from './retryAfter.js';
import { looksLikeVariable, secretFrom } from './secrets.js';
import type { EndpointOptions, Usage } from './types.js';
import { createUsageMeter } from './usageMeter.js';

export type QuestionOptions = Pick<
  EndpointOptions,
  'retries' | 'concurrency' | 'requestsPerMinute' | 'cacheDir' | 'prices' | 'signal' | 'beforeRequest' | 'onAnswer'
>;

export interface Question<T> {
  /** The whole question; equal keys have equal answers. */
  readonly key: string;
  /** One attempt. @throws an error with a RemoteFailure among its causes, InterruptedError */
  readonly send: (signal: AbortSignal) => Promise<string>;
  /** @throws TargetError when the body is not an answer: it is not asked again, and not kept */
  readonly read: (body: string) => {
    readonly value: T;
    readonly tokens: { readonly prompt: number; readonly completion: number };
  };
}

export interface Questions {
  readonly ask: <T>(question: Question<T>) => Promise<T>;
  readonly usage: () => Usage;
  readonly close: () => void;
}

interface Answered<T> {
  readonly value: T;
  readonly body: string;
}

/** A server that wants more than this between two requests is not waited for. */
const longestWaitMs = 120_000;

export function openQuestions(options: QuestionOptions): Questions {
  const { retries, concurrency, requestsPerMinute } = options;
  const queue = new PQueue({
    concurrency,
    ...(requestsPerMinute === null ? {} : { intervalCap: 1, interval: 60_000 / requestsPerMinute }),
  });
  const cache = options.cacheDir === null ? null : openResponseCache(options.cacheDir);
  const meter = createUsageMeter(options.prices, options.onAnswer);
  const closing = new AbortController();
  const signal = options.signal === undefined ? closing.signal : AbortSignal.any([closing.signal, options.signal]);
  setMaxListeners(0, signal); // One a question that waits.
  let quietUntilMs = 0;

  /** One attempt at its turn: a request that waits between attempts takes no slot. The answer is counted before the
   *  next request is let go, so that `beforeRequest` knows of it. */
  const attempt = async <T>({ send, read }: Question<T>): Promise<Answered<T>> => {
    for (
      let quiet = quietUntilMs - systemClock.monotonicMs();
      quiet > 0;
      quiet = quietUntilMs - systemClock.monotonicMs()
    )
      await wait(quiet, signal);
    return queue.add(async () => {
      refuseWhenStopped(signal);
      options.beforeRequest?.();
      const body = await send(signal);
      const { value, tokens } = read(body);
      meter.count(tokens);
      return { value, body };
    });
  };

  const answer = async <T>(question: Question<T>, name: string): Promise<Answered<T>> => {
    for (let tried = 1; ; tried++) {
      try {
        return await attempt(question);
      } catch (error) {
        const failure = failureIn(error);
        if (failure === null) throw error;
        if (!failure.retryable || tried > retries) throw lastError(failure, tried);
        refuseLongWait(failure);
        // A server that asks for no wait at all, and fails all the same, is not asked at once.
        if (failure.retryAfterMs !== null && failure.retryAfterMs > 0)
          quietUntilMs = Math.max(quietUntilMs, systemClock.monotonicMs() + failure.retryAfterMs);
        else await wait(backoffMs(tried - 1, name), signal);
      }
    }
  };

  return {
    usage: meter.usage,
    close: () => closing.abort(),
    ask: async (question) => {
      const { key, read } = question;
      refuseWhenStopped(signal);
      const kept = cache?.read(key) ?? null;
      if (kept !== null) {
        const { value, tokens } = read(kept);
        meter.countCached(tokens);
        return value;
      }
      const { value, body } = await answer(question, createHash('sha256').update(key).digest('hex').slice(0, 12));
      cache?.write(key, body);
      return value;
    },
  };
}

function refuseLongWait({ error, retryAfterMs }: RemoteFailure): void {
  if (retryAfterMs === null || retryAfterMs <= longestWaitMs) return;
  const { where, got } = error.details;
  throw new TargetError(`the server asks to wait ${Math.round(retryAfterMs / 1000)} s`, {
    ...(where === undefined ? {} : { where }),
    expected: `at most ${longestWaitMs / 1000} s`,
    ...(got === undefined ? {} : { got }),
    remedy: 'Resume the run after that time; what was answered is kept.',
    cause: error,
  });
}

/** With the failure as its cause, which holds the status. */
function lastError(failure: RemoteFailure, tried: number): TargetError {
  const { details, message } = failure.error;
  const summary = (message.split('\n')[0] ?? '').replace(`${details.where ?? ''}: `, '');
  return new TargetError(tried === 1 ? summary : `${summary} (${tried} attempts)`, { ...details, cause: failure });
}

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch {
    refuseWhenStopped(signal);
  }
}

function refuseWhenStopped(signal: AbortSignal): void {
  if (signal.aborted) throw new InterruptedError('requests were broken off');
}

/** The key named by an environment variable; null when none is named.
 *  @throws ConfigError, without the key, when the variable is empty or holds no key, or when a key stands in the place
 *    of its name */
export function keyFrom(
  name: string | null,
  environment: Readonly<Record<string, string | undefined>> = process.env,
  where = 'apiKeyEnv',
): string | null {
  if (name === null) return null;
  const key = secretFrom(name, environment, where);
  if (key !== null) return key;
  if (!looksLikeVariable(name)) {
    throw new ConfigError('apiKeyEnv is the name of a variable, not the key', {
      where,
      expected: 'a name such as MY_KEY',
      got: 'something else; it is not shown',
      remedy: 'export MY_KEY=…, and write apiKeyEnv: MY_KEY.',
    });
  }
  throw new ConfigError('the environment variable for the key is empty', {
    where,
    expected: `a key in ${name}`,
    got: environment[name] === undefined ? 'no such variable' : 'an empty text',
    remedy: `export ${name}=…, or leave apiKeyEnv away where the server wants no key.`,
  });
}
