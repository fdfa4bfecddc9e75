/** Quantities as people write them in recipes and flags: durations ('2h', '90s', '1h30m') and counts ('5e6', 5000000).
 */

const secondsIn: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, min: 60, h: 3600, d: 86_400 };

/** Seconds of '2h', '1h30m', '90s', '1.5 min' or a plain number of seconds; null when it is none of these. */
export function parseDuration(value: string | number): number | null {
  if (typeof value === 'number') return value;
  const text = value.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  if (!/^(\d+(\.\d+)?\s*(ms|min|s|m|h|d)\s*)+$/.test(text)) return null;
  let seconds = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)\s*(ms|min|s|m|h|d)/g))
    seconds += Number(amount) * (secondsIn[unit ?? ''] ?? 0);
  return seconds;
}

/** '1h 05m', '3m 20s', '12s', '0.4s'. */
export function formatDuration(seconds: number): string {
  if (seconds < 10) return `${Math.max(0, seconds).toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  const two = (n: number): string => String(n).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h ${two(Math.floor((whole % 3600) / 60))}m`;
}
