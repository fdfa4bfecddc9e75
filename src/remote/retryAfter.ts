/** Reads how long a server asks to wait (RFC 9110, 10.2.3), and says how long to wait when it does not say. */
import { systemClock } from '../base/clock.js';
import { openStream, streamKey } from '../base/random.js';

/** `Retry-After` as seconds or a date, or `retry-after-ms`; null without either, or when it cannot be read. Never
 *  negative. */
export function retryAfterMs(headers: Headers): number | null {
  const exact = headers.get('retry-after-ms');
  if (exact !== null && Number.isFinite(Number(exact)) && exact.trim() !== '') return waitOf(Number(exact));
  const given = headers.get('retry-after')?.trim() ?? '';
  if (given === '') return null;
  if (Number.isFinite(Number(given))) return waitOf(Number(given) * 1000);
  const date = Date.parse(given);
  return Number.isNaN(date) ? null : Math.max(0, date - Date.parse(systemClock.isoNow()));
}

/** The wait that a message names in words, such as "try again in 20s"; null without one. */
export function waitInWords(said: string): number | null {
  const found = /(?:try again|retry) (?:in|after) (\d+(?:\.\d+)?) ?(ms|s|sec|seconds?|m|min|minutes?)\b/i.exec(said);
  if (found === null) return null;
  const [, amount = '', unit = ''] = found;
  return waitOf(Number(amount) * (unit === 'ms' ? 1 : unit.startsWith('m') ? 60_000 : 1000));
}

function waitOf(ms: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, ms));
}

const [firstMs, longestMs] = [500, 30_000];

/** Half a second, doubled with every attempt, at most 30 s; of that a share between a half and the whole, by the draws
 *  of `name`, so that requests that failed together do not come back together. @param attempt 0 after the first failure
 */
export function backoffMs(attempt: number, name: string): number {
  const full = Math.min(longestMs, firstMs * 2 ** attempt);
  return full * (0.5 + 0.5 * openStream(streamKey(0, `retry:${name}`, attempt)).uniform());
}
