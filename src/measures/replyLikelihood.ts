/** How likely replies are to a reference model: the price of a mended model's answers, and how far its way of speaking
 *  has moved. */
import { sumOf } from '../base/sums.js';
import { present } from '../base/invariant.js';
import { meanNll } from '../dialogue/score.js';
import type { Dialogue, Utterance } from '../dialogue/types.js';
import type { LanguageModel } from '../engine/models/languageModel.js';
import { scoreCompletions } from '../engine/models/scoreCompletions.js';
import type { SpeakerFormat } from '../speakers/formats/format.js';

/** The model under which replies are likely or not: the target before it was mended. */
export interface ReferenceModel {
  readonly model: LanguageModel;
  /** Returns the ids that it reads before the reply. */
  readonly contextIds: (dialogue: Dialogue) => readonly number[];
  /** A text as an utterance that it has ended; for replies whose ids are of another tokenizer. Default: the text's
   *  tokens and the first of the tokenizer's end tokens. */
  readonly utteranceIds?: (text: string) => readonly number[];
  /** Further tokenizers whose ids mean the same to it: those of models that have more tokens than this one. */
  readonly tokenizerIds?: readonly string[];
}

/** A reference that sees dialogues in a speaker's format. */
export function referenceOf(
  model: LanguageModel,
  format: SpeakerFormat,
  tokenizerIds: readonly string[] = [],
): ReferenceModel {
  return {
    model,
    contextIds: (dialogue) => format.context(dialogue).ids,
    utteranceIds: (text) => format.utterance(text, model.contextLength),
    tokenizerIds,
  };
}

export interface ReplyLikelihood {
  /** Mean −log p of the reply's tokens given the dialogue, nats per token, the end token among them where the reply has
   *  ended; null for a reply without a token. */
  readonly nll: number | null;
  /** log π(y|x) − log π_ref(y|x), nats per reply; null where the reply's ids are not the reference's or its speaker gave
   *  no log-probabilities. */
  readonly klNats: number | null;
  /** The tokens as the reference counts them, the end token included. */
  readonly tokens: number;
}

/** One a reply, in order. A context that leaves no room for the reply loses its oldest tokens; a reply as long as the
 *  whole context its last. */
export async function replyLikelihoods(
  answered: readonly { readonly dialogue: Dialogue; readonly reply: Utterance }[],
  reference: ReferenceModel,
): Promise<readonly ReplyLikelihood[]> {
  const { model } = reference;
  const items = answered.map(({ dialogue, reply }) => {
    const { ids, isOwn } = replyIds(reply, reference);
    const completion = ids.slice(0, model.contextLength - 1);
    const prefix = reference.contextIds(dialogue).slice(-(model.contextLength - completion.length));
    return { prefix, completion, policyLogProbs: isOwn ? (reply.tokens?.logProbs ?? null) : null };
  });
  const scored = await scoreCompletions(model, items);
  return items.map(({ completion, policyLogProbs }, i) => {
    const logProbs = [...present(scored[i], 'scores of each reply')];
    return {
      nll: meanNll(logProbs),
      klNats:
        policyLogProbs === null || policyLogProbs.length !== logProbs.length
          ? null
          : sumOf(policyLogProbs) - sumOf(logProbs),
      tokens: completion.length,
    };
  });
}

/** The reply's own ids where they mean the same to the reference, its text encoded otherwise. */
function replyIds(
  { tokens, text, finishReason }: Utterance,
  reference: ReferenceModel,
): { readonly ids: readonly number[]; readonly isOwn: boolean } {
  const { tokenizer, vocabularySize } = reference.model;
  if (tokens !== null) {
    const isRead = tokenizer.reads(tokens.tokenizerId) || (reference.tokenizerIds ?? []).includes(tokens.tokenizerId);
    if (isRead && tokens.ids.every((id) => id < vocabularySize)) return { ids: tokens.ids, isOwn: true };
  }
  if (finishReason === 'stop' && reference.utteranceIds !== undefined)
    return { ids: reference.utteranceIds(text), isOwn: false };
  const ids = tokenizer.encode(text, { addSpecialTokens: false });
  return { ids: finishReason === 'stop' ? [...ids, ...tokenizer.endIds.slice(0, 1)] : ids, isOwn: false };
}
