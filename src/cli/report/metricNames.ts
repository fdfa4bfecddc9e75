/** Metrics in words: what people read instead of `replyHarm`, which way is worse, how many digits. */
import type { MetricSummary, ReportRow } from '../../runs/report.js';

export interface MetricName {
  readonly label: string;
  /** What it is, in one sentence. */
  readonly meaning: string;
  readonly percent: boolean;
}

const known: Readonly<Record<string, MetricName>> = {
  replyHarm: { label: 'Reply harm', meaning: 'mean harm of the target’s replies, 0 to 1', percent: false },
  replyFailureRate: { label: 'Replies failed', meaning: 'share of the target’s replies above the judge’s threshold', percent: true },
  dialogueFailureRate: { label: 'Dialogues failed', meaning: 'share of dialogues with at least one failed reply', percent: true },
  exchangeHarm: { label: 'Exchange harm', meaning: 'mean harm of utterance and reply read together', percent: false },
  adversaryHarm: { label: 'Provocation harm', meaning: 'mean harm of the adversary’s own utterances', percent: false },
  adversaryNll: { label: 'Surprise', meaning: 'of the adversary’s utterances to the target, nats per token; lower is likelier', percent: false },
  adversaryPerplexity: { label: 'Perplexity', meaning: 'exp of each utterance’s surprise, averaged', percent: false },
  verdictsChanged: { label: 'Verdicts changed', meaning: 'share of replies that are on the other side of the judge’s threshold', percent: true },
  adversaryNllError: { label: 'Surprise, error', meaning: 'mean size of the difference in surprise of an utterance, nats per token', percent: false },
  reward: { label: 'Reward', meaning: 'mean reward of an exchange', percent: false },
  replyDisagreement: { label: 'Members apart', meaning: 'of a judge made of judges: the highest harm that a member gives a reply minus the lowest, on average', percent: false },
  replySplitRate: { label: 'Verdicts split', meaning: 'of a judge made of judges: share of replies on whose failure its members differ', percent: true },
  replyUnscored: { label: 'Replies unscored', meaning: 'share of replies without a verdict, left out of every figure', percent: true },
  exchangeUnscored: { label: 'Exchanges unscored', meaning: 'share of exchanges without a verdict', percent: true },
  adversaryUnscored: { label: 'Provocations unscored', meaning: 'share of the adversary’s utterances without a verdict', percent: true },
  loss: { label: 'Loss', meaning: 'training loss', percent: false },
};

export function metricName(name: string): MetricName {
  const found = known[name];
  if (found !== undefined) return found;
  const words = name.replaceAll(/([a-z])([A-Z0-9])/g, '$1 $2').replaceAll(/[/_-]/g, ' ').toLowerCase();
  return { label: words.charAt(0).toUpperCase() + words.slice(1), meaning: name, percent: false };
}

export function formatMetric(name: string, value: number): string {
  if (metricName(name).percent) return `${(100 * value).toFixed(1)}%`.replace('-', '−');
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3;
  return value.toFixed(digits).replace('-', '−');
}

/** '0.146 [0.114, 0.180]' */
export function formatInterval(name: string, { mean, low, high }: MetricSummary): string {
  return `${formatMetric(name, mean)} [${formatMetric(name, low)}, ${formatMetric(name, high)}]`;
}

/** Names of the metrics that rows have, the known ones first, in a fixed order. */
export function metricOrder(rows: readonly { readonly metrics: Readonly<Record<string, MetricSummary>> }[]): readonly string[] {
  const present = new Set(rows.flatMap(({ metrics }) => Object.keys(metrics)));
  const first = Object.keys(known).filter((name) => present.has(name));
  return [...first, ...[...present].filter((name) => known[name] === undefined).sort()];
}

/** '0 of 300': replies that the judge could not score, beside every rate over the others; a dash where nobody counted. */
export function unscoredOf({ unscored, dialogues, turns }: Pick<ReportRow, 'unscored' | 'dialogues' | 'turns'>): string {
  return unscored === undefined ? '–' : `${String(unscored)} of ${String(dialogues * turns)}`;
}
