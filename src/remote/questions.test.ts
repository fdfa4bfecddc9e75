import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../base/clock.js';
import { BudgetError, ConfigError, InterruptedError, TargetError } from '../base/errors.js';
import { RemoteFailure } from './failure.js';
import { keyFrom, openQuestions, type QuestionOptions, type Questions } from './questions.js';

const open: Questions[] = [];
afterEach(() => {
  for (const questions of open.splice(0)) questions.close();
});

function opened(options: Partial<QuestionOptions> = {}): Questions {
  const questions = openQuestions({
    retries: 0,
    concurrency: 2,
    requestsPerMinute: null,
    cacheDir: null,
    prices: null,
    ...options,
  });
  open.push(questions);
  return questions;
}

/** Returns a question's sender: its attempts do the steps one after another; the last one is repeated. */
function askedWith(steps: readonly (string | Error)[]): { send: () => Promise<string>; tried: () => number } {
  let tried = 0;
  return {
    tried: () => tried,
    send: async () => {
      const step = steps[Math.min(tried++, steps.length - 1)] ?? '';
      if (step instanceof Error) throw step;
      return step;
    },
  };
}

const read = (body: string): { value: string; tokens: { prompt: number; completion: number } } => {
  if (body === 'nonsense') throw new TargetError('not an answer');
  return { value: body.toUpperCase(), tokens: { prompt: 3, completion: 1 } };
};
const failure = (retryable: boolean, retryAfterMs: number | null = null): RemoteFailure =>
  new RemoteFailure(new TargetError('the server is busy', { where: 'http://here', got: '429' }), {
    retryable,
    retryAfterMs,
    status: 429,
  });

describe('a question', () => {
  it('is asked again after failures that may pass, as often as retries allow, and is counted once', async () => {
    const { send, tried } = askedWith([failure(true, 0), failure(true, 0), 'hi']);
    const questions = opened({ retries: 2 });
    expect(await questions.ask({ key: 'k', send, read })).toBe('HI');
    expect(tried()).toBe(3);
    expect(questions.usage()).toMatchObject({ requests: 1, promptTokens: 3, completionTokens: 1 });
  });

  it('ends with the last failure and the number of attempts when retries are spent', async () => {
    const { send, tried } = askedWith([failure(true, 0)]);
    const asked = opened({ retries: 2 }).ask({ key: 'k', send, read });
    await expect(asked).rejects.toThrow(/the server is busy \(3 attempts\)/);
    await expect(asked).rejects.toMatchObject({ cause: { status: 429 } });
    expect(tried()).toBe(3);
  });

  it.each([
    ['a failure that stays', failure(false)],
    ['a wait of more than two minutes', failure(true, 120_001)],
    ['an error that is no failure of the server', new Error('a defect')],
  ])('is asked once for %s', async (_, error) => {
    const { send, tried } = askedWith([error]);
    await expect(opened({ retries: 5 }).ask({ key: 'k', send, read })).rejects.toThrow(Error);
    expect(tried()).toBe(1);
  });

  it('with an answer that is none is not asked again, not counted and not kept', async () => {
    const cacheDir = mkdtempSync(join(tmpdir(), 'gadfly-questions-'));
    const questions = opened({ retries: 5, cacheDir });
    const { send, tried } = askedWith(['nonsense', 'hi']);
    await expect(questions.ask({ key: 'k', send, read })).rejects.toThrow(TargetError);
    expect([tried(), questions.usage().requests]).toEqual([1, 0]);
    expect(await questions.ask({ key: 'k', send, read })).toBe('HI');
    expect(tried()).toBe(2);
  });

  it('of an equal key is answered from the cache, read anew and counted apart; another key is asked', async () => {
    const cacheDir = mkdtempSync(join(tmpdir(), 'gadfly-questions-'));
    const { send, tried } = askedWith(['hi']);
    await opened({ cacheDir }).ask({ key: 'k', send, read });
    const questions = opened({ cacheDir });
    expect(await questions.ask({ key: 'k', send, read: (body) => ({ ...read(body), value: `${body}!` }) })).toBe('hi!');
    expect(questions.usage()).toMatchObject({ requests: 0, cachedRequests: 1 });
    await questions.ask({ key: 'other', send, read });
    expect(tried()).toBe(2);
  });
});

describe('many questions', () => {
  it('wait together when the server asks one of them to', async () => {
    const questions = opened({ retries: 1 });
    const first = askedWith([failure(true, 300), 'a']);
    const order: string[] = [];
    const asked = questions.ask({ key: '1', send: first.send, read }).then(() => order.push('asked to wait'));
    await expect.poll(first.tried).toBe(1);
    const start = systemClock.monotonicMs();
    await questions.ask({ key: '2', send: askedWith(['b']).send, read });
    expect(systemClock.monotonicMs() - start).toBeGreaterThan(250);
    await asked;
    expect([first.tried(), order]).toEqual([2, ['asked to wait']]);
  });

  it('are never more in flight than concurrency allows', async () => {
    const questions = opened({ concurrency: 3 });
    let [inFlight, most] = [0, 0];
    const send = async (): Promise<string> => {
      most = Math.max(most, ++inFlight);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inFlight--;
      return 'hi';
    };
    await Promise.all(Array.from({ length: 12 }, (_, i) => questions.ask({ key: String(i), send, read })));
    expect(most).toBe(3);
    expect(questions.usage().requests).toBe(12);
  });

  it('go out at the pace that requestsPerMinute sets', async () => {
    const questions = opened({ requestsPerMinute: 600, concurrency: 8 }); // One each 100 ms.
    const start = systemClock.monotonicMs();
    const { send } = askedWith(['hi']);
    await Promise.all(['a', 'b', 'c', 'd'].map((key) => questions.ask({ key, send, read })));
    expect(systemClock.monotonicMs() - start).toBeGreaterThan(250);
  });

  it('are counted before the next one asks whether it may go', async () => {
    const known: number[] = [];
    const beforeRequest = (): void => void known.push(questions.usage().requests);
    const questions = opened({ concurrency: 1, beforeRequest });
    const { send } = askedWith(['hi']);
    await Promise.all(['a', 'b', 'c'].map((key) => questions.ask({ key, send, read })));
    expect(known).toEqual([0, 1, 2]);
  });

  it('are not sent once the budget says no, also on a further attempt', async () => {
    let allowed = 2;
    const beforeRequest = (): void => {
      if (allowed-- === 0) throw new BudgetError('spent');
    };
    const { send, tried } = askedWith([failure(true, 0)]);
    await expect(opened({ retries: 9, beforeRequest }).ask({ key: 'k', send, read })).rejects.toThrow(BudgetError);
    expect(tried()).toBe(2);
  });

  it('are broken off when asked to stop: those in flight, those that wait and those to come', async () => {
    const stop = new AbortController();
    const questions = opened({ retries: 5, signal: stop.signal });
    const waiting = askedWith([failure(true, null)]); // Backs off for a quarter of a second at least.
    const inFlight = questions.ask({
      key: '1',
      send: (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reject(new InterruptedError('requests were broken off'));
          });
        }),
      read,
    });
    const backingOff = questions.ask({ key: '2', send: waiting.send, read });
    await expect.poll(waiting.tried).toBe(1);
    stop.abort();
    await expect(inFlight).rejects.toThrow(InterruptedError);
    await expect(backingOff).rejects.toThrow(InterruptedError);
    await expect(questions.ask({ key: '3', send: waiting.send, read })).rejects.toThrow(InterruptedError);
    expect(waiting.tried()).toBe(1);
  });

  it('are refused after close', async () => {
    const questions = opened();
    questions.close();
    const { send, tried } = askedWith(['hi']);
    await expect(questions.ask({ key: 'k', send, read })).rejects.toThrow(InterruptedError);
    expect(tried()).toBe(0);
  });
});

describe('the key of an endpoint', () => {
  it('is what the named variable holds, trimmed; without a name there is none', () => {
    expect(keyFrom('KEY', { KEY: ' abc\n' })).toBe('abc');
    expect(keyFrom(null, { KEY: 'abc' })).toBeNull();
  });

  it('is refused when the variable is empty or missing, which the message tells apart', () => {
    expect(() => keyFrom('KEY', { KEY: ' ' })).toThrow(ConfigError);
    expect(() => keyFrom('KEY', { KEY: ' ' })).toThrow(/an empty text/);
    expect(() => keyFrom('KEY', {})).toThrow(/no such variable/);
  });
});
