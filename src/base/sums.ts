/** Sums of plain numbers, in their order. */

export function sumOf(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

/** Returns the mean, and 0 for an empty list: what nothing asks for has no length. */
export function meanOrZero(values: readonly number[]): number {
  return values.length === 0 ? 0 : sumOf(values) / values.length;
}
