/** The figures of an evaluation, from plain numbers: one row an exchange, grouped by prompt. Over all turns and per turn,
 *  each with its unit and an interval by prompt. What is unscored is left out of the means and reported as a share. */
import { createBootstrap, type BootstrapOptions, type Summary } from './bootstrap.js';
import { distinctShare, duplicateShare, selfBleu } from './diversity.js';
import { wilson } from './wilson.js';

/** One exchange; null marks what is unscored or unknown. */
export interface ExchangeNumbers {
  /** 0 for the first exchange of its dialogue. */
  readonly turn: number;
  /** Harm of the target's reply, in [0, 1]. */
  readonly replyHarm: number | null;
  /** Harm of the reply over the judge's threshold. */
  readonly replyFailed: boolean | null;
  /** Harm of utterance and reply together, in [0, 1]. */
  readonly exchangeHarm: number | null;
  /** Harm of the adversary's utterance, in [0, 1]. */
  readonly adversaryHarm: number | null;
  /** Mean −log p_target of the utterance, nats per token. */
  readonly adversaryNll: number | null;
  readonly reward: number | null;
  /** Of a judge with members: highest harm of a member minus the lowest, for the reply. */
  readonly replyDisagreement?: number | null;
  /** Of a judge with members: whether they differ on the reply's failure. */
  readonly replySplit?: boolean | null;
}

interface Metric {
  readonly unit: string;
  readonly value: (row: ExchangeNumbers) => number | null;
  /** An estimate of a probability: that nothing, or everything, failed does not make it certain. */
  readonly isRate?: boolean;
}

/** Every metric of an exchange. */
export const exchangeMetrics = {
  replyHarm: { unit: 'harm', value: (row) => row.replyHarm },
  replyFailureRate: { unit: 'share', value: (row) => (row.replyFailed === null ? null : Number(row.replyFailed)), isRate: true },
  exchangeHarm: { unit: 'harm', value: (row) => row.exchangeHarm },
  adversaryHarm: { unit: 'harm', value: (row) => row.adversaryHarm },
  adversaryNll: { unit: 'nats/token', value: (row) => row.adversaryNll },
  /** exp of each turn's NLL, then averaged: at least exp of the mean NLL (Jensen), and the two are never mixed. Held below
   *  e^700, so that one broken turn cannot make a report that is no JSON. */
  adversaryPerplexity: {
    unit: 'perplexity',
    value: (row) => (row.adversaryNll === null ? null : Math.exp(Math.min(row.adversaryNll, 700))),
  },
  reward: { unit: 'reward', value: (row) => row.reward },
  replyDisagreement: { unit: 'harm', value: (row) => row.replyDisagreement ?? null },
  replySplitRate: { unit: 'share', value: (row) => (row.replySplit === undefined || row.replySplit === null ? null : Number(row.replySplit)), isRate: true },
  replyUnscored: { unit: 'share', value: (row) => Number(row.replyHarm === null) },
  exchangeUnscored: { unit: 'share', value: (row) => Number(row.exchangeHarm === null) },
  adversaryUnscored: { unit: 'share', value: (row) => Number(row.adversaryHarm === null) },
  adversaryNllUnknown: { unit: 'share', value: (row) => Number(row.adversaryNll === null) },
  rewardUnknown: { unit: 'share', value: (row) => Number(row.reward === null) },
} as const satisfies Record<string, Metric>;

export type ExchangeMetricName = keyof typeof exchangeMetrics;

export interface MetricTables {
  /** Over all turns. */
  readonly overall: Readonly<Record<ExchangeMetricName, Summary>>;
  /** Turn 0 first. */
  readonly turns: readonly Readonly<Record<ExchangeMetricName, Summary>>[];
}

/** @param rowsByPrompt all exchanges of all dialogues of a prompt, one list a prompt */
export function summariseExchanges(rowsByPrompt: readonly (readonly ExchangeNumbers[])[], options: BootstrapOptions): MetricTables {
  const bootstrap = createBootstrap(options);
  const tableOf = (rows: readonly (readonly ExchangeNumbers[])[]): Readonly<Record<ExchangeMetricName, Summary>> => {
    const entries = Object.entries(exchangeMetrics as Record<string, Metric>).map(([name, { unit, value, isRate = false }]) => {
      const valuesByPrompt = rows.map((row) => row.map(value));
      const summary = bootstrap.summarise(valuesByPrompt, unit);
      return [name, isRate ? withoutFalseCertainty(summary, valuesByPrompt, options.level) : summary];
    });
    return Object.fromEntries(entries) as Record<ExchangeMetricName, Summary>; // Same keys as the table above.
  };
  const turnCount = rowsByPrompt.flat().reduce((most, { turn }) => Math.max(most, turn + 1), 0);
  return {
    overall: tableOf(rowsByPrompt),
    turns: Array.from({ length: turnCount }, (_, turn) => tableOf(rowsByPrompt.map((rows) => rows.filter((row) => row.turn === turn)))),
  };
}

/** A bootstrap of equal values has no width. Where a rate is exactly 0 or 1 the interval is Wilson's, each prompt counting once. */
function withoutFalseCertainty(summary: Summary, valuesByPrompt: readonly (readonly (number | null)[])[], level?: number): Summary {
  if (summary.mean !== 0 && summary.mean !== 1) return summary;
  const prompts = valuesByPrompt.filter((values) => values.some((value) => value !== null)).length;
  const { low, high } = wilson(summary.mean * prompts, prompts, level);
  return { ...summary, low, high };
}

/** Metrics of the set of utterances as a whole. */
export type DiversityMetricName = 'diversityDistinct1' | 'diversityDistinct2' | 'diversitySelfBleu' | 'diversityDuplicates';

/** @param textsByPrompt all utterances of a prompt, one list a prompt. Only self-BLEU, a mean over texts, has an interval;
 *  a share of distinct n-grams has none, since resampling with repetition makes duplicates of its own. */
export function summariseDiversity(
  textsByPrompt: readonly (readonly string[])[],
  options: BootstrapOptions,
): Readonly<Record<DiversityMetricName, Summary>> {
  const texts = textsByPrompt.flat();
  const whole = (value: number | null): Summary => ({
    mean: value,
    low: null,
    high: null,
    min: null,
    max: null,
    n: texts.length,
    unit: 'share',
  });
  const bleu = selfBleu(texts);
  let at = 0;
  const bleuByPrompt = textsByPrompt.map((row) => bleu.slice(at, (at += row.length)));
  return {
    diversityDistinct1: whole(distinctShare(texts, 1)),
    diversityDistinct2: whole(distinctShare(texts, 2)),
    diversitySelfBleu: createBootstrap(options).summarise(bleuByPrompt, 'BLEU'),
    diversityDuplicates: whole(duplicateShare(texts)),
  };
}
