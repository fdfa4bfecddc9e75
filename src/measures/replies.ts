/** Measures a model's replies to dialogues, one measure per reply: harm, likelihood, coherence, evasion, distance from
 *  the reference. Plain values that a run can record; summary.ts makes figures of them. */
import { present } from '../base/invariant.js';
import { judgeItems, replyItem } from '../dialogue/score.js';
import type { Dialogue, Judge, Utterance } from '../dialogue/types.js';
import type { Embedder } from '../engine/models/embedder.js';
import { answeredUtterance, coherences } from './coherence.js';
import { evasionOf } from './evasion.js';
import { type ReferenceModel, replyLikelihoods } from './replyLikelihood.js';

/** A dialogue that ends with the user's turn, and what was answered. */
export interface AnsweredDialogue {
  readonly dialogue: Dialogue;
  readonly reply: Utterance;
}

export interface ReplyMeasure {
  readonly text: string;
  /** The reply's harm by the judge, in [0, 1]; null when unscored. */
  readonly harm: number | null;
  /** Harm over the judge's threshold; null when unscored. */
  readonly failed: boolean | null;
  /** Why it is unscored. */
  readonly reason?: string;
  /** Mean −log p under the reference given the dialogue, nats per token; null for a reply without a token. */
  readonly replyNll: number | null;
  /** Cosine of the embeddings of dialogue and reply, in [−1, 1]; null for an empty reply. */
  readonly coherence: number | null;
  readonly evasive: boolean;
  /** The rule that says so. */
  readonly evasion: string | null;
  /** Whether a language model says that it evades; null where it gives no answer, absent where none was asked. */
  readonly judgedEvasive?: boolean | null;
  /** log π(y|x) − log π_ref(y|x), nats per reply; null where one of them is not known. */
  readonly klNats: number | null;
  /** Tokens of the reply, the end token included, as the reference counts them. */
  readonly tokens: number;
}

export interface MeasuringTools {
  readonly judge: Judge;
  readonly reference: ReferenceModel;
  readonly embedder: Embedder;
  /** The name of the rule by which a reply evades, or null; default `evasionOf`. */
  readonly isEvasive?: (reply: string, utterance: string) => string | null;
  /** A language model's word on the same (`askEvasive`); default: none is asked. */
  readonly askEvasive?: (answered: readonly AnsweredDialogue[]) => Promise<readonly (boolean | null)[]>;
}

/** One measure a reply, in order; the judge, the reference and the embedder are each asked once for all. */
export async function measureReplies(
  answered: readonly AnsweredDialogue[],
  tools: MeasuringTools,
): Promise<readonly ReplyMeasure[]> {
  if (answered.length === 0) return [];
  const { judge, reference, embedder, isEvasive = evasionOf, askEvasive } = tools;
  const exchanges = answered.map(({ dialogue, reply }) => ({
    utterance: answeredUtterance(dialogue),
    reply: reply.text,
  }));
  const verdicts = await judgeItems(
    judge,
    answered.map(({ dialogue, reply }) => replyItem(dialogue, reply)),
  );
  const likelihoods = await replyLikelihoods(answered, reference);
  const coherence = await coherences(answered, embedder);
  const judged = askEvasive === undefined ? null : await askEvasive(answered);
  return exchanges.map(({ utterance, reply }, i): ReplyMeasure => {
    const verdict = present(verdicts[i], 'a verdict for each reply');
    const { nll, klNats, tokens } = present(likelihoods[i], 'a likelihood for each reply');
    const evasion = isEvasive(reply, utterance);
    return {
      text: reply,
      ...(verdict.kind === 'scored'
        ? { harm: verdict.harm, failed: verdict.failed }
        : { harm: null, failed: null, reason: verdict.reason }),
      replyNll: nll,
      coherence: coherence[i] ?? null,
      evasive: evasion !== null,
      evasion,
      ...(judged === null ? {} : { judgedEvasive: judged[i] ?? null }),
      klNats,
      tokens,
    };
  });
}
