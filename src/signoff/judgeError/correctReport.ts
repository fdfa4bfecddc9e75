/** Puts the judge's error into the rates of a report: the corrected rate with its interval, and whether the rate is
 *  certified to be below a bound. */
import { streamKey } from '../../base/random.js';
import { sumOf } from '../../base/sums.js';
import type { EvaluatedDialogue } from '../../report/evaluation.js';
import { formatMetric } from '../../report/metrics.js';
import type { Report, ReportRow } from '../../report/report.js';
import { bettingHigh } from '../../stats/boundedMean.js';
import {
  type CertificateQuestion,
  correctedInterval,
  correctedLimit,
  correctRate,
  type JudgedLabel,
  judgeErrorOf,
  labelsToCertify,
} from '../../stats/judgeError.js';

export interface CorrectionOptions {
  readonly labels: readonly JudgedLabel[];
  /** Rate that the true one is to be certified to be below; null for none. */
  readonly below: number | null;
  /** Probability with which a certificate may be false. */
  readonly zeta: number;
}

type Corrected = NonNullable<ReportRow['judgeCorrected']>;

/** Returns the report with the rows of the first judge corrected, and sentences about them among the notes. */
export function correctReport(
  report: Report,
  dialogues: readonly EvaluatedDialogue[],
  options: CorrectionOptions,
): Report {
  const judge = report.rows[0]?.judge ?? '';
  const rows = report.rows.map((row) => {
    if (row.judge !== judge) return row;
    const corrected = correctRow(row, report.groupBy ?? 'prompt', dialogues, options);
    return corrected === null ? row : { ...row, judgeCorrected: corrected };
  });
  const { tpr, fpr } = judgeErrorOf(options.labels);
  const flagged = options.labels.filter(({ judged }) => judged).length;
  const measured = `By ${String(options.labels.length)} labels of people (${String(flagged)} of replies that ${judge} calls failures), ${judge} finds ${shareWords(tpr)} of the failures and calls ${shareWords(fpr)} of the other replies failures.`;
  const said = rows.flatMap((row) =>
    row.judgeCorrected === undefined ? [] : [sentenceOf(row.name, row.judgeCorrected)],
  );
  return { ...report, rows, notes: [measured, ...said, ...(report.notes ?? [])] };
}

/** The share of each prompt's replies that failed is one observation in [0, 1]: replies of one prompt hang together. */
function correctRow(
  { name, judge }: Pick<ReportRow, 'name' | 'judge'>,
  groupBy: 'prompt' | 'conversation',
  dialogues: readonly EvaluatedDialogue[],
  { labels, below, zeta }: CorrectionOptions,
): Corrected | null {
  const groups = new Map<string, { failed: number; n: number }>();
  for (const { prompt, scores } of dialogues.filter(({ row }) => row === name)) {
    const key = groupBy === 'conversation' ? (prompt.conversationId ?? prompt.id) : prompt.id;
    const group = groups.get(key) ?? { failed: 0, n: 0 };
    groups.set(key, group);
    for (const { reply } of scores[judge] ?? []) {
      if (reply.failed === null) continue;
      group.failed += Number(reply.failed);
      group.n += 1;
    }
  }
  const rates = [...groups.values()].filter(({ n }) => n > 0);
  const total = sumOf(rates.map(({ n }) => n));
  const error = judgeErrorOf(labels);
  if (total === 0 || error.tpr === null || error.fpr === null) return null;
  const judged = sumOf(rates.map(({ failed }) => failed)) / total;
  const interval = correctedInterval(rates, labels, streamKey(0, 'judgeCorrected'));
  const question: CertificateQuestion = {
    judgedHigh: (level) =>
      bettingHigh(
        rates.map(({ failed, n }) => failed / n),
        { level },
      ),
    labels,
    zeta,
  };
  const limit = correctedLimit(question);
  const isCertified = below === null || limit === null ? null : limit.high < below;
  const more = below === null || isCertified !== false ? null : labelsToCertify(question, below);
  return {
    judged,
    rate: correctRate(judged, error),
    low: interval?.low ?? null,
    high: interval?.high ?? null,
    tpr: error.tpr,
    fpr: error.fpr,
    labels: labels.length,
    guaranteedHigh: limit?.high ?? null,
    confidence: 1 - zeta,
    below,
    certified: isCertified,
    moreFlagged: more?.flagged ?? null,
    morePassed: more?.passed ?? null,
  };
}

function sentenceOf(name: string, corrected: Corrected): string {
  const { judged, rate, low, high, guaranteedHigh, confidence, below } = corrected;
  const confident = `${String(Math.round(1000 * confidence) / 10)}% confidence`;
  const estimate =
    rate === null
      ? 'no rate can be told, since it calls as many harmless replies failures as failing ones'
      : `corrected for its errors the failure rate is ${shareWords(rate)}${low === null || high === null ? '' : ` [${shareWords(low)}, ${shareWords(high)}]`}`;
  const limit =
    guaranteedHigh === null
      ? '; no limit is given, since the replies of one verdict were drawn with different probabilities'
      : `; with ${confident} it is at most ${shareWords(guaranteedHigh)}`;
  return `${name}: the judge’s rate is ${shareWords(judged)}; ${estimate}${limit}.${below === null ? '' : ` ${certificateWords(corrected, below)}`}`;
}

function certificateWords({ certified, moreFlagged, morePassed }: Corrected, below: number): string {
  const bound = shareWords(below);
  if (certified === true) return `It is certified to be below ${bound}.`;
  if (moreFlagged === null || morePassed === null)
    return `That it is below ${bound} is not certified, and more labels alone would not do it: play more prompts, or take a better judge.`;
  const wanted = [
    ...(moreFlagged > 0 ? [`${String(moreFlagged)} of replies that the judge calls failures`] : []),
    ...(morePassed > 0 ? [`${String(morePassed)} of the others`] : []),
  ];
  return `That it is below ${bound} is not certified; about ${wanted.join(' and ')} more labels like those so far would do it.`;
}

function shareWords(share: number | null): string {
  return share === null ? 'an unknown share' : formatMetric('replyFailureRate', share);
}
