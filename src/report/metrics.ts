/** The catalogue of metrics: each once, with its unit, its label, what it means and which way is better; and how its
 *  values are written. Tables, charts and exporters read it. */
import type { MetricSummary, ReportRow } from './report.js';

export interface Metric {
  /** The unit as a summary in report.json names it: 'share', 'nats/token', 'harm' … A share is shown in percent. */
  readonly unit: string;
  readonly label: string;
  /** The metric's meaning in a few words. */
  readonly meaning: string;
  /** Which way is better for the target. */
  readonly better: 'lower' | 'higher' | 'neither';
  /** The meaning of a lower value, where neither way is better. */
  readonly lowerIs?: string;
  /** Shown with its sign: a change, not a level. */
  readonly signed?: boolean;
}

/** A rating of one side of a conversation. */
function rating(label: string, meaning: string): Metric {
  return { unit: 'points', label, meaning, better: 'neither', lowerIs: 'worse for the rated side' };
}

const catalogue = {
  replyHarm: {
    unit: 'harm',
    label: 'Reply harm',
    meaning: 'mean harm of the target’s replies, 0 to 1',
    better: 'lower',
  },
  // The field calls this rate attack success rate (ASR): seen from the attack, higher is better.
  replyFailureRate: {
    unit: 'share',
    label: 'Replies failed',
    meaning: 'share of the target’s replies above the judge’s threshold; known as attack success rate (ASR)',
    better: 'lower',
  },
  dialogueFailureRate: {
    unit: 'share',
    label: 'Dialogues failed',
    meaning: 'share of dialogues with at least one failed reply',
    better: 'lower',
  },
  exchangeHarm: {
    unit: 'harm',
    label: 'Exchange harm',
    meaning: 'mean harm of utterance and reply read together',
    better: 'lower',
  },
  adversaryHarm: {
    unit: 'harm',
    label: 'Provocation harm',
    meaning: 'mean harm of the adversary’s own utterances',
    better: 'neither',
  },
  adversaryNll: {
    unit: 'nats/token',
    label: 'NLL per token',
    meaning: 'negative log-likelihood (NLL) of the adversary’s utterances under the target, nats per token',
    better: 'neither',
    lowerIs: 'likelier',
  },
  adversaryPerplexity: {
    unit: 'perplexity',
    label: 'Perplexity',
    meaning: 'exp of the NLL per token of each utterance, averaged',
    better: 'neither',
    lowerIs: 'likelier',
  },
  targetTextNll: {
    unit: 'nats/token',
    label: 'NLL of the target’s words',
    meaning:
      'negative log-likelihood (NLL) of the words that the target is to be brought to say, as the beginning of its reply, the best phrasing, nats per token',
    better: 'higher',
  },
  verdictsChanged: {
    unit: 'share',
    label: 'Verdicts changed',
    meaning: 'share of replies that are on the other side of the judge’s threshold',
    better: 'lower',
  },
  adversaryNllError: {
    unit: 'nats/token',
    label: 'NLL per token, error',
    meaning: 'mean size of the difference in NLL of an utterance, nats per token',
    better: 'lower',
  },
  reward: {
    unit: 'reward',
    label: 'Reward',
    meaning: 'mean reward of an exchange, which the attack raises',
    better: 'neither',
  },
  replyDisagreement: {
    unit: 'harm',
    label: 'Members apart',
    meaning: 'for a judge made of judges: the highest harm that a member gives a reply minus the lowest, on average',
    better: 'lower',
  },
  replySplitRate: {
    unit: 'share',
    label: 'Verdicts split',
    meaning: 'for a judge made of judges: share of replies on whose failure its members differ',
    better: 'lower',
  },
  ratingMean: {
    unit: 'points',
    label: 'Sotopia mean',
    meaning: 'mean of the seven ratings of a conversation, −4.29 to 5.71; Sotopia’s overall score',
    better: 'neither',
    lowerIs: 'worse for the rated side',
  },
  ratingGoal: rating('Goal', 'how far the rated side reached its goal, 0 to 10'),
  ratingBelievability: rating('Believability', 'how natural and true to its character it was, 0 to 10'),
  ratingKnowledge: rating('Knowledge', 'how much that is new and important it learnt, 0 to 10'),
  ratingSecret: rating('Secret', 'how far it kept its secrets, −10 to 0'),
  ratingRelationship: rating('Relationship', 'how its relationship and standing changed, −5 to 5'),
  ratingSocialRules: rating('Social rules', 'how far it kept to rules and laws, −10 to 0'),
  ratingFinancial: rating('Financial', 'what it gained or lost in money and material things, −5 to 5'),
  replyUnscored: {
    unit: 'share',
    label: 'Replies unscored',
    meaning: 'share of replies without a verdict, left out of every figure',
    better: 'lower',
  },
  exchangeUnscored: {
    unit: 'share',
    label: 'Exchanges unscored',
    meaning: 'share of exchanges without a verdict',
    better: 'lower',
  },
  adversaryUnscored: {
    unit: 'share',
    label: 'Provocations unscored',
    meaning: 'share of the adversary’s utterances without a verdict',
    better: 'lower',
  },
  adversaryNllUnknown: {
    unit: 'share',
    label: 'NLL unknown',
    meaning: 'share of the adversary’s utterances whose NLL the target does not give',
    better: 'lower',
  },
  rewardUnknown: {
    unit: 'share',
    label: 'Reward unknown',
    meaning: 'share of exchanges without a reward',
    better: 'lower',
  },
  evasiveness: {
    unit: 'share',
    label: 'Evasive',
    meaning: 'share of replies that refuse or say nothing to the point, by a rule',
    better: 'lower',
  },
  evasivenessJudged: {
    unit: 'share',
    label: 'Evasive, judged',
    meaning: 'share of replies that a language model takes for a refusal or a non-answer',
    better: 'lower',
  },
  coherence: {
    unit: 'cosine',
    label: 'Coherence',
    meaning: 'likeness of context and reply as embeddings, −1 to 1',
    better: 'higher',
  },
  replyNll: {
    unit: 'nats/token',
    label: 'Reply NLL per token',
    meaning: 'NLL of a model’s replies under the target before mending, nats per token',
    better: 'neither',
    lowerIs: 'likelier',
  },
  replyPerplexity: {
    unit: 'perplexity',
    label: 'Reply perplexity',
    meaning: 'exp of the NLL per token of each reply, averaged',
    better: 'neither',
    lowerIs: 'likelier',
  },
  replyKl: {
    unit: 'nats',
    label: 'Reply KL',
    meaning: 'how much likelier a model finds its own replies than the target before mending does, nats per reply',
    better: 'neither',
    lowerIs: 'closer',
  },
  replyTokens: { unit: 'tokens', label: 'Reply length', meaning: 'tokens per reply', better: 'neither' },
  replyDistinct1: {
    unit: 'share',
    label: 'Distinct words',
    meaning: 'share of the words of all replies that differ from each other',
    better: 'higher',
  },
  replyDistinct2: {
    unit: 'share',
    label: 'Distinct pairs',
    meaning: 'share of the pairs of neighbouring words of all replies that differ from each other',
    better: 'higher',
  },
  replySelfBleu: {
    unit: 'BLEU',
    label: 'Self-BLEU',
    meaning: 'how much of a reply stands in other replies, 0 to 1; lower is more diverse',
    better: 'lower',
  },
  replyDuplicates: {
    unit: 'share',
    label: 'Duplicates',
    meaning: 'share of replies that were given before word for word',
    better: 'lower',
  },
  ordinaryNll: {
    unit: 'nats/token',
    label: 'Ordinary NLL per token',
    meaning: 'NLL of held-out replies of ordinary dialogues under this model, nats per token',
    better: 'lower',
  },
  ordinaryNllChange: {
    unit: 'share',
    label: 'Ordinary NLL, change',
    meaning: 'relative to the target before mending; above zero, ordinary dialogue became less likely',
    better: 'lower',
    signed: true,
  },
  choiceAccuracy: {
    unit: 'share',
    label: 'Multiple choice',
    meaning: 'share of questions whose right answer is likelier than the wrong ones, by the mean over its tokens',
    better: 'higher',
  },
  choiceAccuracyBySum: {
    unit: 'share',
    label: 'Multiple choice, by sum',
    meaning: 'the same by the sum over the tokens of an answer',
    better: 'higher',
  },
  diversityDistinct1: {
    unit: 'share',
    label: 'Provocations: distinct words',
    meaning: 'share of the words of all utterances of the adversary that differ from each other',
    better: 'neither',
    lowerIs: 'less diverse',
  },
  diversityDistinct2: {
    unit: 'share',
    label: 'Provocations: distinct pairs',
    meaning: 'share of the pairs of neighbouring words of all utterances that differ from each other',
    better: 'neither',
    lowerIs: 'less diverse',
  },
  diversitySelfBleu: {
    unit: 'BLEU',
    label: 'Provocations: self-BLEU',
    meaning: 'how much of an utterance stands in other utterances, 0 to 1',
    better: 'neither',
    lowerIs: 'more diverse',
  },
  diversityDuplicates: {
    unit: 'share',
    label: 'Provocations: duplicates',
    meaning: 'share of the adversary’s utterances that were made before word for word',
    better: 'neither',
    lowerIs: 'more diverse',
  },
  diversityFindings: {
    unit: 'findings',
    label: 'Different failures',
    meaning: 'utterances whose reply failed, those that are near each other (ROUGE-L of 0.5 and more) counted once',
    better: 'lower',
  },
  diversityFindingsNew: {
    unit: 'findings',
    label: 'Different failures, new',
    meaning: 'those of the different failures that are near no text that an attack was taught',
    better: 'lower',
  },
  diversityDistinct2OfFailures: {
    unit: 'share',
    label: 'Failures: distinct pairs',
    meaning: 'share of the pairs of neighbouring words that differ from each other, of utterances whose reply failed',
    better: 'neither',
    lowerIs: 'less diverse',
  },
  diversitySelfBleuOfFailures: {
    unit: 'BLEU',
    label: 'Failures: self-BLEU',
    meaning: 'how much of an utterance whose reply failed stands in other such utterances, 0 to 1',
    better: 'neither',
    lowerIs: 'more diverse',
  },
  diversityUniqueAttacks: {
    unit: 'findings',
    label: 'Unique attacks',
    meaning:
      'utterances whose reply failed, those that mean about the same (a cosine of 0.7 and more by the encoder of the evaluation) counted once',
    better: 'lower',
  },
  diversityVendi: {
    unit: 'texts',
    label: 'Provocations: Vendi score',
    meaning: 'effective number of different utterances by their meaning, from 1 to the number of utterances',
    better: 'neither',
    lowerIs: 'less diverse',
  },
  diversityVendiOfFailures: {
    unit: 'texts',
    label: 'Failures: Vendi score',
    meaning: 'effective number of different utterances, by their meaning, among those whose reply failed',
    better: 'neither',
    lowerIs: 'less diverse',
  },
  diversityClustersHit: {
    unit: 'clusters',
    label: 'Clusters hit',
    meaning: 'clusters of what the target says, as exploring has found them, to which a failed reply is nearest',
    better: 'lower',
  },
  'kl/chosen': { unit: 'nats', label: 'Chosen', meaning: 'of held-out chosen replies', better: 'neither' },
  'kl/rejected': { unit: 'nats', label: 'Rejected', meaning: 'of held-out rejected replies', better: 'neither' },
  'kl/toxic': {
    unit: 'nats',
    label: 'Toxic',
    meaning: 'of held-out replies given with the control token',
    better: 'neither',
  },
  'rewards/accuracies': {
    unit: 'share',
    label: 'Chosen gained more',
    meaning: 'share of held-out pairs whose chosen reply gained more than the rejected one',
    better: 'higher',
  },
  loss: { unit: 'loss', label: 'Loss', meaning: 'training loss', better: 'lower' },
} as const satisfies Readonly<Record<string, Metric>>;

const known: Readonly<Record<string, Metric>> = catalogue;

/** Describes a metric; one that the catalogue lacks gets its name in words as its label. */
export function describeMetric(name: string): Metric {
  const found = known[name];
  if (found !== undefined) return found;
  const words = name
    .replaceAll(/([a-z])([A-Z0-9])/g, '$1 $2')
    .replaceAll(/[/_-]/g, ' ')
    .toLowerCase();
  return { unit: '', label: words.charAt(0).toUpperCase() + words.slice(1), meaning: name, better: 'neither' };
}

/** Returns whether values are shares, which are shown in percent. */
export function isShare(name: string): boolean {
  return describeMetric(name).unit === 'share';
}

/** Returns the label with the direction as an arrow: 'Replies failed ↓', 'NLL per token (↓ likelier)'. */
export function metricHeading(name: string): string {
  const { label, better, lowerIs } = describeMetric(name);
  if (better !== 'neither') return `${label} ${better === 'lower' ? '↓' : '↑'}`;
  return lowerIs === undefined ? label : `${label} (↓ ${lowerIs})`;
}

/** Returns the meaning with the direction in words. */
export function metricMeaning(name: string): string {
  const { meaning, better, lowerIs } = describeMetric(name);
  if (better !== 'neither') return `${meaning}; ${better} is better`;
  return lowerIs === undefined ? meaning : `${meaning}; lower is ${lowerIs}`;
}

/** Explains the arrows of headings, once below a table. */
export const headingLegend = '↓: lower is better for the target, ↑: higher is.';

export function formatMetric(name: string, value: number): string {
  const { signed = false, unit } = describeMetric(name);
  const percent = isShare(name);
  const isCount = ['findings', 'clusters'].includes(unit) && Number.isInteger(value);
  const digits = isCount ? 0 : Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3;
  return withSign(percent ? `${(100 * value).toFixed(1)}%` : value.toFixed(digits), signed);
}

/** A difference of two values of a metric, '−31.0 pp', and its interval, '[−38.0, −24.0]', or nothing where none can be
 *  given; in percentage points where the metric is a share. */
export function changeParts(name: string, { mean, low, high }: MetricSummary): readonly [string, string] {
  const percent = isShare(name);
  const most = Math.max(Math.abs(low), Math.abs(high), Math.abs(mean));
  const digits = percent || (most >= 10 && most < 100) ? 1 : most >= 100 ? 0 : most >= 0.1 ? 2 : 3;
  const shown = (value: number): string => withSign((percent ? 100 * value : value).toFixed(digits), true);
  return [`${shown(mean)}${percent ? ' pp' : ''}`, low === high ? '' : `[${shown(low)}, ${shown(high)}]`];
}

/** '−31.0 pp [−38.0, −24.0]' */
export function formatChange(name: string, summary: MetricSummary): string {
  return changeParts(name, summary).join(' ').trimEnd();
}

/** Whether an interval leaves zero out: the change is more than chance at its level. Equal bounds are no interval. */
export function excludesZero({ low, high }: MetricSummary): boolean {
  return low !== high && (low > 0 || high < 0);
}

function withSign(text: string, signed: boolean): string {
  const minus = text.startsWith('-');
  const size = minus ? text.slice(1) : text;
  const zero = Number.parseFloat(size) === 0;
  return `${zero ? '' : minus ? '−' : signed ? '+' : ''}${size}`;
}

/** '0.146 [0.114, 0.180]'; the value alone where no interval can be given, which equal bounds say. */
export function formatInterval(
  name: string,
  { mean, low, high }: Pick<MetricSummary, 'mean' | 'low' | 'high'>,
): string {
  const value = formatMetric(name, mean);
  return low === high ? value : `${value} [${formatMetric(name, low)}, ${formatMetric(name, high)}]`;
}

/** The interval of a metric of a row; a dash where the row lacks it. */
export function formatCell(name: string, metrics: Readonly<Record<string, MetricSummary>>): string {
  const summary = metrics[name];
  return summary === undefined ? '–' : formatInterval(name, summary);
}

/** Names of the metrics that rows have, the known ones first, in a fixed order. */
export function metricOrder(
  rows: readonly { readonly metrics: Readonly<Record<string, MetricSummary>> }[],
): readonly string[] {
  const present = new Set(rows.flatMap(({ metrics }) => Object.keys(metrics)));
  const first = Object.keys(known).filter((name) => present.has(name));
  return [...first, ...[...present].filter((name) => known[name] === undefined).sort()];
}

/** '3 of 300 (2 not given)': replies that the judge could not score, beside every rate over the others, and those among
 *  them that the target did not give; a dash where they were not counted. */
export function unscoredOf({
  unscored,
  noReply = 0,
  dialogues,
  turns,
  metrics,
}: Pick<ReportRow, 'unscored' | 'noReply' | 'dialogues' | 'turns' | 'metrics'>): string {
  if (unscored === undefined) return '–';
  const missing = noReply === 0 ? '' : ` (${String(noReply)} not given)`;
  // Dialogues that ended early have fewer replies than turns.
  const scored = metrics['replyHarm']?.n;
  return `${String(unscored)} of ${String(scored === undefined ? dialogues * turns : scored + unscored)}${missing}`;
}
