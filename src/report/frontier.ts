/** Success against likelihood: an attack matters by how often it succeeds with words that are likely. A row is on the
 *  frontier when no other row fails at least as often in words at least as likely. */
import { isSearch } from './search.js';
import type { MetricSummary, ReportRow } from './report.js';

export interface FrontierPoint {
  readonly name: string;
  /** NLL of the adversary's words under the target, nats per token. */
  readonly nll: MetricSummary;
  readonly rate: MetricSummary;
  readonly isSearch: boolean;
  readonly isOnFrontier: boolean;
}

/** Returns the rows with both figures, in their order; empty where fewer than two have them. */
export function frontierOf(rows: readonly ReportRow[]): readonly FrontierPoint[] {
  const known = rows.flatMap((row) => {
    const { adversaryNll: nll, replyFailureRate: rate } = row.metrics;
    return nll === undefined || rate === undefined ? [] : [{ name: row.name, nll, rate, isSearch: isSearch(row) }];
  });
  if (known.length < 2) return [];
  return known.map((point) => ({ ...point, isOnFrontier: !known.some((other) => dominates(other, point)) }));
}

type Figures = Pick<FrontierPoint, 'nll' | 'rate'>;

function dominates(a: Figures, b: Figures): boolean {
  const asGood = a.rate.mean >= b.rate.mean && a.nll.mean <= b.nll.mean;
  return asGood && (a.rate.mean > b.rate.mean || a.nll.mean < b.nll.mean);
}

/** Returns a sentence; null where there is nothing to compare. */
export function frontierSentence(points: readonly FrontierPoint[]): string | null {
  const best = points.filter(({ isOnFrontier }) => isOnFrontier).map(({ name }) => name);
  if (best.length === 0) return null;
  return `Success–likelihood frontier: ${best.join(', ')}. No other row makes the target fail as often in words that are as likely; the order is that of the means, whose intervals may overlap.`;
}
