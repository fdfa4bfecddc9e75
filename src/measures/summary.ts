/** Figures of measured replies: means with intervals by prompt, and paired differences of two models on the same
 *  dialogues. */
import { differenceRange } from '../stats/smallSamples.js';
import { type BootstrapOptions, createBootstrap } from '../stats/bootstrap.js';
import { selfBleuByPrompt, summariseVariety } from '../stats/diversity.js';
import { createMetricSummaries, type MetricTable } from '../stats/metricTable.js';
import type { Metrics } from '../report/report.js';
import type { ReplyMeasure } from './replies.js';
import { reported } from './reported.js';

/** Every metric of a reply. */
export const replyMetrics = {
  replyHarm: { unit: 'harm', value: ({ harm }) => harm, isBounded: true },
  replyFailureRate: { unit: 'share', value: ({ failed }) => (failed === null ? null : Number(failed)), isRate: true },
  replyNll: { unit: 'nats/token', value: ({ replyNll }) => replyNll },
  /** exp of each reply's NLL, then averaged; held below e^700, so that one broken reply cannot make a report that is no
   *  JSON. */
  replyPerplexity: {
    unit: 'perplexity',
    value: ({ replyNll }) => (replyNll === null ? null : Math.exp(Math.min(replyNll, 700))),
  },
  coherence: { unit: 'cosine', value: ({ coherence }) => coherence },
  evasiveness: { unit: 'share', value: ({ evasive }) => Number(evasive), isRate: true },
  evasivenessJudged: {
    unit: 'share',
    value: ({ judgedEvasive = null }) => (judgedEvasive === null ? null : Number(judgedEvasive)),
    isRate: true,
  },
  replyKl: { unit: 'nats', value: ({ klNats }) => klNats },
  replyTokens: { unit: 'tokens', value: ({ tokens }) => tokens },
  replyUnscored: { unit: 'share', value: ({ harm }) => Number(harm === null) },
} as const satisfies MetricTable<ReplyMeasure>;

type ByPrompt = readonly (readonly ReplyMeasure[])[];

/** Summarises all replies; a metric without a value is left out.
 *  @param byPrompt all replies to the dialogues of a prompt, one list per prompt */
export function summariseReplies(byPrompt: ByPrompt, bootstrap: BootstrapOptions): Metrics {
  const { distinct1, distinct2, selfBleu, duplicates } = summariseVariety(textsOf(byPrompt), bootstrap);
  return reported({
    ...createMetricSummaries(bootstrap).summarise(replyMetrics, byPrompt),
    replyDistinct1: distinct1,
    replyDistinct2: distinct2,
    replySelfBleu: selfBleu,
    replyDuplicates: duplicates,
  });
}

/** Figures of `after` minus those of `before`, both sides of a prompt drawn together. Prompts without a value on one
 *  side are left out of that metric; shares of the whole set (distinct n-grams, duplicates) have no value by prompt and
 *  are not compared.
 *  @param after replies to the same dialogues in the same order as `before` */
export function compareReplies(after: ByPrompt, before: ByPrompt, bootstrap: BootstrapOptions): Metrics {
  const bleu = [after, before].map((replies) => selfBleuByPrompt(textsOf(replies)));
  return reported({
    ...createMetricSummaries(bootstrap).compare(replyMetrics, after, before),
    replySelfBleu: createBootstrap(bootstrap).compare(bleu[0] ?? [], bleu[1] ?? [], 'BLEU', differenceRange),
  });
}

function textsOf(byPrompt: ByPrompt): readonly (readonly string[])[] {
  return byPrompt.map((replies) => replies.map(({ text }) => text));
}
