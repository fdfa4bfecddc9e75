/** Median and extremes of what several processes measured. */
import { present } from '../src/base/invariant.js';
import type { Spread } from './types.js';

/** Returns null for an empty list. */
export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number): number => present(sorted[index], 'an index within the values');
  const middle = (sorted.length - 1) / 2;
  return { median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2, min: at(0), max: at(sorted.length - 1) };
}
