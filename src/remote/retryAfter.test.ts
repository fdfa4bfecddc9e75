import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs, retryAfterMs } from './retryAfter.js';

const headers = (entries: Record<string, string>): Headers => new Headers(entries);

describe('what a server asks to wait', () => {
  it.each([
    [{ 'retry-after': '3' }, 3000],
    [{ 'retry-after': ' 0.5 ' }, 500],
    [{ 'retry-after': '-3' }, 0],
    [{ 'retry-after-ms': '250', 'retry-after': '9' }, 250],
    [{ 'retry-after-ms': '-1' }, 0],
    [{ 'retry-after-ms': 'soon', 'retry-after': '2' }, 2000],
    [{ 'retry-after-ms': '', 'retry-after': '2' }, 2000],
    [{ 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' }, 0],
    [{ 'retry-after': 'soon' }, null],
    [{ 'retry-after': '' }, null],
    [{}, null],
  ] as const)('%j is %j ms', (given, expected) => {
    expect(retryAfterMs(headers(given))).toBe(expected);
  });

  it('as a date is the time until then', () => {
    const inAMinute = new Date(new Date().getTime() + 60_000).toUTCString(); // To whole seconds.
    const wait = retryAfterMs(headers({ 'retry-after': inAMinute }));
    expect(wait).toBeGreaterThan(50_000);
    expect(wait).toBeLessThanOrEqual(60_000);
  });
});

describe('the wait where a server names none', () => {
  it('lies between a half and the whole of 500 ms doubled with every attempt, at most of 30 s', () => {
    fc.assert(
      fc.property(fc.nat(40), fc.string(), (attempt, name) => {
        const full = Math.min(30_000, 500 * 2 ** attempt);
        const wait = backoffMs(attempt, name);
        expect(wait).toBeGreaterThanOrEqual(full / 2);
        expect(wait).toBeLessThanOrEqual(full);
        expect(backoffMs(attempt, name)).toBe(wait);
      }),
    );
  });

  it('differs between requests that failed together', () => {
    const waits = Array.from({ length: 20 }, (_, i) => backoffMs(0, `request ${String(i)}`));
    expect(new Set(waits).size).toBe(20);
  });
});
