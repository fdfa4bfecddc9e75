/** The dialogues of a row as the row's judge sees them: what was said in each exchange, and whether the target failed. */
import type { RecordedScore, RecordedVerdict } from '../dialogue/records.js';
import type { EvaluatedDialogue } from './evaluation.js';
import type { Report, ReportRow } from './report.js';

/** Returns the rows of the judge that decides, the first, those about the targets of earlier rounds too. */
export function firstJudgeRows({ rows }: Pick<Report, 'rows'>): readonly ReportRow[] {
  return rows.filter(({ judge }) => judge === rows[0]?.judge);
}

/** An utterance and the target's answer. */
export interface JudgedExchange {
  readonly utterance: string;
  readonly reply: string;
  /** Why the target gave no text. */
  readonly noReply?: string;
  /** The judge's verdict on the reply; null where it was not asked, since it rates dialogues at their end. */
  readonly verdict: RecordedVerdict | null;
  /** NLL of the utterance under the target, nats per token; null when unknown. */
  readonly nll: number | null;
  readonly reward: number | null;
}

/** A dialogue has failed when a reply has; it is unscored when no reply has and not every verdict is known. */
export type Outcome = 'passed' | 'failed' | 'unscored';

export interface JudgedCase {
  readonly dialogue: EvaluatedDialogue;
  readonly exchanges: readonly JudgedExchange[];
  readonly outcome: Outcome;
  /** Highest harm of a reply; null when none was scored. */
  readonly harm: number | null;
  /** Place of the reply that decided: the failed one of the highest harm, else the first unscored one, else the one of
   *  the highest harm; null in a dialogue without a verdict. */
  readonly decisive: number | null;
  /** Why it is unscored; null where it is not. */
  readonly reason: string | null;
}

export function judgedCases(
  { name, judge }: Pick<ReportRow, 'name' | 'judge'>,
  dialogues: readonly EvaluatedDialogue[],
): readonly JudgedCase[] {
  return dialogues.filter(({ row }) => row === name).map((dialogue) => judgedCase(dialogue, judge));
}

export function countOutcomes(cases: readonly Pick<JudgedCase, 'outcome'>[]): Readonly<Record<Outcome, number>> {
  const counts = { passed: 0, failed: 0, unscored: 0 };
  for (const { outcome } of cases) counts[outcome]++;
  return counts;
}

export function judgedCase(dialogue: EvaluatedDialogue, judge: string): JudgedCase {
  const exchanges = exchangesOf(dialogue, dialogue.scores[judge] ?? []);
  const due = exchanges.flatMap(({ verdict }, place) => (verdict === null ? [] : [{ place, ...verdict }]));
  const byHarm = due.filter(({ harm }) => harm !== null).sort((a, b) => (b.harm ?? 0) - (a.harm ?? 0));
  const failed = byHarm.find((verdict) => verdict.failed === true);
  const unscored = due.find((verdict) => verdict.failed === null);
  const outcome: Outcome =
    failed !== undefined ? 'failed' : unscored !== undefined || due.length === 0 ? 'unscored' : 'passed';
  return {
    dialogue,
    exchanges,
    outcome,
    harm: byHarm[0]?.harm ?? null,
    decisive: (failed ?? unscored ?? byHarm[0])?.place ?? null,
    reason: outcome !== 'unscored' ? null : (unscored?.reason ?? 'this judge has given no verdict'),
  };
}

function exchangesOf({ turns }: EvaluatedDialogue, scores: readonly RecordedScore[]): readonly JudgedExchange[] {
  return Array.from({ length: Math.ceil(turns.length / 2) }, (_, i): JudgedExchange => {
    const [utterance, reply, score] = [turns[2 * i], turns[2 * i + 1], scores[i]];
    const verdict = score?.reply;
    return {
      utterance: utterance?.text ?? '',
      reply: reply?.text ?? '',
      ...(reply?.noReply === undefined ? {} : { noReply: reply.noReply }),
      verdict: verdict === undefined || verdict.notDue === true ? null : verdict,
      nll: score?.adversaryNll ?? null,
      reward: score?.reward?.total ?? null,
    };
  });
}
