/** Reads the events of an estimate off the verdicts of a dialogue. */
import { ConfigError } from '../../base/errors.js';
import type { ExchangeScore, Verdict } from '../../dialogue/types.js';

type Scored = Extract<Verdict, { kind: 'scored' }>;

/** A label counts from here on. */
const labelThreshold = 0.5;

/** Returns the event of a dialogue: 1 or 0, for `reply` the share of its replies that failed; null where a judge could
 *  not say.
 *  @param event 'dialogue', 'reply' or 'label:NAME'
 *  @throws ConfigError for a label that the judge does not give */
export function eventOf(event: string, scores: readonly Pick<ExchangeScore, 'reply'>[], judge: string): number | null {
  const due = scores.flatMap(({ reply }) => (reply.kind === 'unscored' && reply.notDue === true ? [] : [reply]));
  const scored = due.filter((verdict): verdict is Scored => verdict.kind === 'scored');
  if (event === 'reply') {
    if (scored.length < due.length || due.length === 0) return null;
    return scored.filter(({ failed }) => failed).length / due.length;
  }
  const label = event.startsWith('label:') ? event.slice('label:'.length) : null;
  const isSeen = scored.some((verdict) => (label === null ? verdict.failed : hasLabel(verdict, label, judge)));
  if (isSeen) return 1;
  return scored.length < due.length || due.length === 0 ? null : 0;
}

function hasLabel({ labels }: Scored, label: string, judge: string): boolean {
  const value = labels[label];
  if (value !== undefined) return value > labelThreshold;
  throw new ConfigError('the judge gives no such label', {
    where: 'estimate.event',
    expected: Object.keys(labels).length === 0 ? 'a judge with labels' : Object.keys(labels).join(', '),
    got: `label:${label} of ${judge}`,
    remedy: 'Name one of its labels, or another judge.',
  });
}
