/** Averages of logged values. */

/** The mean of each name over the records that have it; '' gives the names unchanged. An empty list has no means. */
export function meanByName(
  records: readonly Readonly<Record<string, number>>[],
  prefix: string,
): Readonly<Record<string, number>> {
  const sums = new Map<string, { sum: number; n: number }>();
  for (const record of records) {
    for (const [name, value] of Object.entries(record)) {
      const { sum, n } = sums.get(name) ?? { sum: 0, n: 0 };
      sums.set(name, { sum: sum + value, n: n + 1 });
    }
  }
  return Object.fromEntries([...sums].map(([name, { sum, n }]) => [prefix + name, sum / n]));
}
