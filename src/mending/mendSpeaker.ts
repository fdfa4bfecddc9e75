/** A model as mending trains it: what it reads before a reply, and a reply as its own ids. Ids are the truth; a reply
 *  is encoded from its text only where its ids are another tokenizer's. */
import type { Dialogue, Utterance } from '../dialogue/types.js';
import type { LanguageModel } from '../engine/models/languageModel.js';
import type { TrainingExample } from '../learning/trainers/trainingData.js';
import { type LocalSpeakerOptions, openLocalSpeaker } from '../speakers/localSpeaker.js';
import type { AnsweredTurn } from './dialogues.js';

export interface MendSpeaker {
  readonly model: LanguageModel;
  /** @param dialogue ends with the turn to be answered */
  readonly contextIds: (dialogue: Dialogue) => readonly number[];
  /** A text that was written elsewhere, as its reply to the dialogue begins. */
  readonly place: (dialogue: Dialogue, text: string) => string;
  /** Cut to the recipe's maxNewTokens; ended as the model ends a reply, where that fits. */
  readonly replyIds: (reply: Utterance) => readonly number[];
}

/** @param options of the target: its format, sampler and limits */
export function mendSpeaker(model: LanguageModel, options: LocalSpeakerOptions): MendSpeaker {
  const { context, format, sampling } = openLocalSpeaker(model, 'target', options);
  return {
    model,
    contextIds: (dialogue) => context(dialogue).ids,
    place: format.place,
    replyIds: ({ text, tokens }) =>
      tokens !== null && model.tokenizer.reads(tokens.tokenizerId)
        ? tokens.ids.slice(0, sampling.maxNewTokens)
        : format.utterance(text, sampling.maxNewTokens),
  };
}

/** The harmless reply after its dialogue, as ids; none where none is known. */
export function safeExample({ dialogue, safe }: AnsweredTurn, speaker: MendSpeaker): readonly TrainingExample[] {
  return safe === null ? [] : [{ prefix: speaker.contextIds(dialogue), completion: speaker.replyIds(safe) }];
}
