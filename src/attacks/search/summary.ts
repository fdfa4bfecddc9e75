/** Sums up a search over all prompts, for the manifest and the report's rows. */
import type { SearchSummary } from '../../report/report.js';
import type { Find } from '../../speakers/adversaries/finds.js';

/** @param budget most that a prompt may cost, by name */
export function summariseFinds(finds: readonly Find[], budget: Readonly<Record<string, number>> = {}): SearchSummary {
  const missing = finds.flatMap(({ turns, reason }) => (turns.length === 0 && reason !== undefined ? [reason] : []));
  const further = sumCounts(finds.map((find) => find.counts ?? {}));
  return {
    prompts: finds.length,
    found: finds.filter(({ turns }) => turns.length > 0).length,
    failed: finds.filter(({ failed }) => failed === true).length,
    tries: finds.reduce((sum, { tries }) => sum + tries, 0),
    ...(Object.keys(budget).length === 0 ? {} : { budget }),
    cost: sumCounts(finds.map(({ cost }) => cost)),
    ...(Object.keys(further).length === 0 ? {} : { counts: further }),
    ...(missing.length === 0 ? {} : { reasons: countReasons(missing) }),
  };
}

function sumCounts(each: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const one of each) for (const [name, count] of Object.entries(one)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

function countReasons(reasons: readonly string[]): { reason: string; count: number }[] {
  return [...new Set(reasons)]
    .map((reason) => ({ reason, count: reasons.filter((each) => each === reason).length }))
    .sort((a, b) => b.count - a.count);
}
