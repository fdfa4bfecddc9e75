/** The main results in words, no stronger than the intervals allow. */
import type { LoopEntry, MetricSummary, ReportRow } from './report.js';
import { adversaryOf, loopMatrix, strongest } from './loopMatrix.js';
import { excludesZero, formatMetric } from './metrics.js';
import { isSearch } from './search.js';

/** At most two sentences about the tuned or searching adversary that makes the target fail most, against the untuned one. */
export function findings(rows: readonly ReportRow[]): readonly string[] {
  const tuned = rows.filter(isTrained);
  const best = tuned.reduce<ReportRow | undefined>(
    (found, row) => (found === undefined || harmOf(row) > harmOf(found) ? row : found),
    undefined,
  );
  const untuned = rows.find((row) => adversaryOf(row) === 'untuned' && row.target === best?.target);
  if (best === undefined || untuned === undefined) return [];
  const [before, after] = [untuned.metrics['replyFailureRate'], best.metrics['replyFailureRate']];
  const out: string[] = [];
  if (before !== undefined && after !== undefined) {
    out.push(
      `Against ${best.name}${isSearch(best) ? ' (search)' : ''}, ${rateOf(after)} of the target’s replies fail; against the untuned adversary ${rateOf(before)}. ${verdictOn(before, after)}`,
    );
  }
  const [nllBefore, nllAfter] = [untuned.metrics['adversaryNll'], best.metrics['adversaryNll']];
  if (nllBefore !== undefined && nllAfter !== undefined) {
    const difference = nllAfter.mean - nllBefore.mean;
    const relation = overlap(nllBefore, nllAfter)
      ? 'about as likely as'
      : difference < 0
        ? 'likelier than'
        : 'less likely than';
    out.push(
      `To the target its provocations are ${relation} untuned ones: ${nllAfter.mean.toFixed(2)} against ${nllBefore.mean.toFixed(2)} nats per token.`,
    );
  }
  return out;
}

/** Says how the rounds of attack and mending ended: fresh adversaries from the first round to the last, what it cost,
 *  whether old failures came back. */
export function loopFindings(loop: readonly LoopEntry[]): readonly string[] {
  const { rounds, adversaries, cell, strongestFresh } = loopMatrix(loop);
  const fresh = rounds.flatMap((each) => {
    const found = strongestFresh(each.round);
    return found === null ? [] : [{ ...each, ...found }];
  });
  const [first, last] = [fresh[0], fresh.at(-1)];
  if (first === undefined || last === undefined) return [];
  if (first.round === last.round) {
    return [
      `The fresh adversary ${first.adversary} makes ${rateOf(first.rate)} of the replies of ${first.target} fail; no second round is there to compare.`,
    ];
  }
  const cost = costOf(last.guards['ordinaryNllChange']);
  const course = `${courseOf(first.rate, last.rate)} over ${last.round - first.round + 1} rounds`;
  const out = [`Against fresh adversaries the failure rate ${course}${cost === null ? '' : `; ${cost}`}.`];
  const replayed = adversaries.flatMap((adversary) => {
    const found = cell(adversary, last.round);
    return found === null || found.fresh ? [] : [{ adversary, rate: found.rate }];
  });
  const worst = strongest(replayed);
  if (worst !== null)
    out.push(
      `Of the earlier adversaries none makes ${last.target} fail more often than ${worst.adversary}: ${rateOf(worst.rate)}.`,
    );
  return out;
}

function courseOf(first: MetricSummary, last: MetricSummary): string {
  const [from, to] = [rateOf(first), rateOf(last)];
  if (overlap(first, last)) return `went from ${from} to ${to} (the intervals overlap: no difference is shown)`;
  if (last.mean > first.mean) return `rose from ${from} to ${to}`;
  const times = first.mean / last.mean;
  const fold = last.mean === 0 ? '' : `, ${times.toFixed(times < 10 ? 1 : 0)} times less,`;
  return `fell from ${from} to ${to}${fold}`;
}

/** Says how mending changed ordinary dialogue, or returns null where it was not measured. */
function costOf(change: MetricSummary | undefined): string | null {
  if (change === undefined) return null;
  const size = formatMetric('ordinaryNllChange', change.mean);
  if (!excludesZero(change)) {
    return `ordinary dialogue is about as likely as before (NLL ${size}, ${formatMetric('ordinaryNllChange', change.low)} to ${formatMetric('ordinaryNllChange', change.high)})`;
  }
  return `ordinary dialogue became ${size.slice(1)} ${change.mean > 0 ? 'less likely' : 'likelier'} (in nats per token)`;
}

function rateOf(summary: MetricSummary): string {
  return `${formatMetric('replyFailureRate', summary.mean)} (${formatMetric('replyFailureRate', summary.low)} to ${formatMetric('replyFailureRate', summary.high)})`;
}

function isTrained(row: ReportRow): boolean {
  return !['none', 'prompts'].includes(row.attack) && adversaryOf(row) !== 'untuned';
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
