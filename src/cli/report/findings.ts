/** The main result in words, no stronger than the intervals allow. */
import type { MetricSummary, ReportRow } from '../../runs/report.js';
import { formatMetric } from './metricNames.js';

/** At most two sentences about the tuned adversary that makes the target fail most, against the untuned one. */
export function findings(rows: readonly ReportRow[]): readonly string[] {
  const untuned = rows.find(({ attack, name }) => attack === 'none' || name === 'untuned');
  const tuned = rows.filter((row) => row !== untuned);
  const best = tuned.reduce<ReportRow | undefined>((found, row) => (found === undefined || harmOf(row) > harmOf(found) ? row : found), undefined);
  if (best === undefined || untuned === undefined) return [];
  const [before, after] = [untuned.metrics['replyFailureRate'], best.metrics['replyFailureRate']];
  const out: string[] = [];
  if (before !== undefined && after !== undefined) {
    const rate = (summary: MetricSummary): string => `${formatMetric('replyFailureRate', summary.mean)} (${formatMetric('replyFailureRate', summary.low)} to ${formatMetric('replyFailureRate', summary.high)})`;
    out.push(`Against ${best.name}, ${rate(after)} of the target’s replies fail; against the untuned adversary ${rate(before)}. ${verdictOn(before, after)}`);
  }
  const [nllBefore, nllAfter] = [untuned.metrics['adversaryNll'], best.metrics['adversaryNll']];
  if (nllBefore !== undefined && nllAfter !== undefined) {
    const difference = nllAfter.mean - nllBefore.mean;
    const relation = overlap(nllBefore, nllAfter) ? 'about as likely as' : difference < 0 ? 'likelier than' : 'less likely than';
    out.push(`To the target its provocations are ${relation} untuned ones: ${nllAfter.mean.toFixed(2)} against ${nllBefore.mean.toFixed(2)} nats per token.`);
  }
  return out;
}

function harmOf({ metrics }: ReportRow): number {
  return metrics['replyFailureRate']?.mean ?? metrics['replyHarm']?.mean ?? -1;
}

function overlap(a: MetricSummary, b: MetricSummary): boolean {
  return a.low <= b.high && b.low <= a.high;
}

function verdictOn(before: MetricSummary, after: MetricSummary): string {
  if (overlap(before, after)) return 'The intervals overlap: this run does not show a difference.';
  return after.mean > before.mean ? 'The intervals do not overlap.' : 'The attack made failures rarer.';
}
