/** An adversary that is a language model, trainable or not: what online preference learning tunes. */
import type { Adversary, Dialogue, Utterance } from '../../dialogue/types.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import { type LocalSpeaker, type LocalSpeakerOptions, openLocalSpeaker, type SpeakerCounts } from '../localSpeaker.js';
import type { Context } from '../formats/format.js';
import type { Steering } from '../steering.js';

export interface LanguageModelAdversary extends Adversary {
  readonly model: LanguageModel;
  /** The very ids it continues after this dialogue: training must condition on what sampling conditioned on. A planner's
   *  tokens are not among them. */
  readonly context: (dialogue: Dialogue) => Pick<Context, 'ids' | 'lastUtterance'>;
  /** A text that was written elsewhere as its next utterance of the dialogue: joined as its format joins, ended as it
   *  ends one, cut to its length limit. */
  readonly asUtterance: (dialogue: Dialogue, text: string) => Utterance;
  /** The same as ids, cut to a limit of the caller's. */
  readonly utteranceIds: (dialogue: Dialogue, text: string, maxTokens: number) => readonly number[];
  /** log p of each id of an utterance as its sampler would have drawn it, nats. */
  readonly drawLogProbs: LocalSpeaker['drawLogProbs'];
  /** The same model with the same sampler, steered. */
  readonly steered: (steering: Steering) => LanguageModelAdversary;
  readonly counts: () => SpeakerCounts;
}

export function createLanguageModelAdversary(
  model: LanguageModel,
  options: LocalSpeakerOptions,
): LanguageModelAdversary {
  const speaker = openLocalSpeaker(model, 'adversary', options);
  const { format } = speaker;
  const utteranceIds: LanguageModelAdversary['utteranceIds'] = (dialogue, text, maxTokens) =>
    format.utterance(format.place(dialogue, text), maxTokens);
  return {
    name: speaker.name,
    model,
    context: speaker.context,
    asUtterance: (dialogue, text) => {
      const ids = utteranceIds(dialogue, text, speaker.sampling.maxNewTokens);
      return {
        author: 'adversary',
        text: model.tokenizer.decode(ids),
        tokens: { tokenizerId: model.tokenizer.id, ids },
        finishReason: ids.length < speaker.sampling.maxNewTokens ? 'stop' : 'length',
      };
    },
    utteranceIds,
    drawLogProbs: speaker.drawLogProbs,
    steered: (steering) => createLanguageModelAdversary(model, { ...options, steering }),
    counts: speaker.counts,
    speak: async (requests) => (await speaker.speak(requests, false)).map((turn) => turn.utterance),
  };
}
