/** Metrics in words: what people read instead of `replyHarm`, which way is worse, how many digits. */
import type { MetricSummary, ReportRow } from './report.js';

export interface MetricName {
  readonly label: string;
  /** What it is, in one sentence. */
  readonly meaning: string;
  readonly percent: boolean;
  /** Shown with its sign: a change, not a level. */
  readonly signed?: boolean;
}

const known: Readonly<Record<string, MetricName>> = {
  replyHarm: { label: 'Reply harm', meaning: 'mean harm of the target’s replies, 0 to 1', percent: false },
  replyFailureRate: {
    label: 'Replies failed',
    meaning: 'share of the target’s replies above the judge’s threshold',
    percent: true,
  },
  dialogueFailureRate: {
    label: 'Dialogues failed',
    meaning: 'share of dialogues with at least one failed reply',
    percent: true,
  },
  exchangeHarm: { label: 'Exchange harm', meaning: 'mean harm of utterance and reply read together', percent: false },
  adversaryHarm: { label: 'Provocation harm', meaning: 'mean harm of the adversary’s own utterances', percent: false },
  adversaryNll: {
    label: 'Surprise',
    meaning: 'of the adversary’s utterances to the target, nats per token; lower is likelier',
    percent: false,
  },
  adversaryPerplexity: { label: 'Perplexity', meaning: 'exp of each utterance’s surprise, averaged', percent: false },
  verdictsChanged: {
    label: 'Verdicts changed',
    meaning: 'share of replies that are on the other side of the judge’s threshold',
    percent: true,
  },
  adversaryNllError: {
    label: 'Surprise, error',
    meaning: 'mean size of the difference in surprise of an utterance, nats per token',
    percent: false,
  },
  reward: { label: 'Reward', meaning: 'mean reward of an exchange', percent: false },
  replyDisagreement: {
    label: 'Members apart',
    meaning: 'of a judge made of judges: the highest harm that a member gives a reply minus the lowest, on average',
    percent: false,
  },
  replySplitRate: {
    label: 'Verdicts split',
    meaning: 'of a judge made of judges: share of replies on whose failure its members differ',
    percent: true,
  },
  replyUnscored: {
    label: 'Replies unscored',
    meaning: 'share of replies without a verdict, left out of every figure',
    percent: true,
  },
  exchangeUnscored: { label: 'Exchanges unscored', meaning: 'share of exchanges without a verdict', percent: true },
  adversaryUnscored: {
    label: 'Provocations unscored',
    meaning: 'share of the adversary’s utterances without a verdict',
    percent: true,
  },
  evasiveness: {
    label: 'Evasive',
    meaning: 'share of replies that refuse or say nothing to the point, by a rule',
    percent: true,
  },
  evasivenessJudged: {
    label: 'Evasive, judged',
    meaning: 'share of replies that a language model takes for a refusal or a non-answer',
    percent: true,
  },
  coherence: { label: 'Coherence', meaning: 'likeness of context and reply as embeddings, −1 to 1', percent: false },
  replyNll: {
    label: 'Reply surprise',
    meaning: 'of a model’s replies to the target before mending, nats per token; lower is likelier',
    percent: false,
  },
  replyPerplexity: { label: 'Reply perplexity', meaning: 'exp of each reply’s surprise, averaged', percent: false },
  replyKl: {
    label: 'Reply KL',
    meaning: 'how much likelier a model finds its own replies than the target before mending does, nats a reply',
    percent: false,
  },
  replyTokens: { label: 'Reply length', meaning: 'tokens a reply', percent: false },
  replyDistinct1: {
    label: 'Distinct words',
    meaning: 'share of the words of all replies that differ from each other',
    percent: false,
  },
  replyDistinct2: {
    label: 'Distinct pairs',
    meaning: 'share of the pairs of neighbouring words of all replies that differ from each other',
    percent: false,
  },
  replySelfBleu: {
    label: 'Self-BLEU',
    meaning: 'how much of a reply stands in other replies, 0 to 1; lower is more diverse',
    percent: false,
  },
  replyDuplicates: {
    label: 'Duplicates',
    meaning: 'share of replies that were given before word for word',
    percent: true,
  },
  ordinaryNll: {
    label: 'Ordinary surprise',
    meaning: 'of held-out replies of ordinary dialogues to this model, nats per token; lower is likelier',
    percent: false,
  },
  ordinaryNllChange: {
    label: 'Ordinary surprise, change',
    meaning: 'relative to the target before mending; above zero, ordinary dialogue became less likely',
    percent: true,
    signed: true,
  },
  choiceAccuracy: {
    label: 'Multiple choice',
    meaning: 'share of questions whose right answer is likelier than the wrong ones, by the mean over its tokens',
    percent: true,
  },
  choiceAccuracyBySum: {
    label: 'Multiple choice, by sum',
    meaning: 'the same by the sum over the tokens of an answer',
    percent: true,
  },
  'kl/chosen': { label: 'Chosen', meaning: 'of held-out chosen replies', percent: false },
  'kl/rejected': { label: 'Rejected', meaning: 'of held-out rejected replies', percent: false },
  'kl/toxic': { label: 'Toxic', meaning: 'of held-out replies given with the control token', percent: false },
  'rewards/accuracies': {
    label: 'Chosen gained more',
    meaning: 'share of held-out pairs whose chosen reply gained more than the rejected one',
    percent: true,
  },
  loss: { label: 'Loss', meaning: 'training loss', percent: false },
};

export function metricName(name: string): MetricName {
  const found = known[name];
  if (found !== undefined) return found;
  const words = name
    .replaceAll(/([a-z])([A-Z0-9])/g, '$1 $2')
    .replaceAll(/[/_-]/g, ' ')
    .toLowerCase();
  return { label: words.charAt(0).toUpperCase() + words.slice(1), meaning: name, percent: false };
}

export function formatMetric(name: string, value: number): string {
  const { percent, signed = false } = metricName(name);
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3;
  return withSign(percent ? `${(100 * value).toFixed(1)}%` : value.toFixed(digits), signed);
}

/** A difference of two values of a metric, '−31.0 pp', and its interval, '[−38.0, −24.0]'; in percentage points where
 *  the metric is a share. */
export function changeParts(name: string, { mean, low, high }: MetricSummary): readonly [string, string] {
  const { percent } = metricName(name);
  const most = Math.max(Math.abs(low), Math.abs(high), Math.abs(mean));
  const digits = percent || (most >= 10 && most < 100) ? 1 : most >= 100 ? 0 : most >= 0.1 ? 2 : 3;
  const shown = (value: number): string => withSign((percent ? 100 * value : value).toFixed(digits), true);
  return [`${shown(mean)}${percent ? ' pp' : ''}`, `[${shown(low)}, ${shown(high)}]`];
}

/** '−31.0 pp [−38.0, −24.0]' */
export function formatChange(name: string, summary: MetricSummary): string {
  return changeParts(name, summary).join(' ');
}

/** Whether an interval leaves zero out: the change is more than chance at its level. */
export function excludesZero({ low, high }: MetricSummary): boolean {
  return low > 0 || high < 0;
}

function withSign(text: string, signed: boolean): string {
  const minus = text.startsWith('-');
  const size = minus ? text.slice(1) : text;
  const zero = Number.parseFloat(size) === 0;
  return `${zero ? '' : minus ? '−' : signed ? '+' : ''}${size}`;
}

/** '0.146 [0.114, 0.180]' */
export function formatInterval(name: string, { mean, low, high }: MetricSummary): string {
  return `${formatMetric(name, mean)} [${formatMetric(name, low)}, ${formatMetric(name, high)}]`;
}

/** Names of the metrics that rows have, the known ones first, in a fixed order. */
export function metricOrder(
  rows: readonly { readonly metrics: Readonly<Record<string, MetricSummary>> }[],
): readonly string[] {
  const present = new Set(rows.flatMap(({ metrics }) => Object.keys(metrics)));
  const first = Object.keys(known).filter((name) => present.has(name));
  return [...first, ...[...present].filter((name) => known[name] === undefined).sort()];
}

/** '0 of 300': replies that the judge could not score, beside every rate over the others; a dash where nobody counted.
 */
export function unscoredOf({
  unscored,
  dialogues,
  turns,
}: Pick<ReportRow, 'unscored' | 'dialogues' | 'turns'>): string {
  return unscored === undefined ? '–' : `${String(unscored)} of ${String(dialogues * turns)}`;
}
