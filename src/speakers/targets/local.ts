/** A target in this process. It scores and continues: the pass that reads an adversary's utterance in order to answer
 *  it also yields the utterance's log-probability, so the likelihood term of a reward costs nothing. It sees the
 *  dialogue and nothing else.
 *
 *  Its readings are kept beside the utterances they are of (for as long as those live): when the target is also the
 *  reference of a preference loss, the reference term is known without a pass of its own. */
import type { Target, TargetReply, Utterance } from '../../dialogue/types.js';
import type { LanguageModel, Precision } from '../../engine/models/languageModel.js';
import { type LocalSpeakerOptions, openLocalSpeaker, type SpeakerCounts } from '../localSpeaker.js';

/** The target's reading of an utterance, in its own ids. */
export interface Reading {
  /** Everything before the utterance. */
  readonly prefixIds: readonly number[];
  readonly ids: readonly number[];
  /** log p of each of `ids`, raw model, nats. */
  readonly logProbs: readonly number[];
}

export interface LocalTarget extends Target {
  readonly model: LanguageModel;
  /** How it read an utterance that it has answered, or null. Of the precision that it reads with. */
  readonly readingOf: (utterance: Utterance) => Reading | null;
  readonly precision: Precision;
  readonly counts: () => SpeakerCounts;
}

export function createLocalTarget(model: LanguageModel, options: LocalSpeakerOptions): LocalTarget {
  const speaker = openLocalSpeaker(model, 'target', options);
  const readings = new WeakMap<Utterance, Reading>();
  return {
    name: speaker.name,
    provides: { logProbs: true, weights: true },
    model,
    precision: options.precision ?? 'f32',
    counts: speaker.counts,
    readingOf: (utterance) => readings.get(utterance) ?? null,
    reply: async (requests) => {
      const turns = await speaker.speak(requests, true);
      return turns.map(({ utterance, context, lastUtteranceLogProbs }, i): TargetReply => {
        const asked = requests[i]?.dialogue.turns.at(-1);
        if (asked !== undefined && context.lastUtterance !== null && lastUtteranceLogProbs !== null) {
          const { start, length } = context.lastUtterance;
          readings.set(asked, {
            prefixIds: context.ids.slice(0, start),
            ids: context.ids.slice(start, start + length),
            logProbs: lastUtteranceLogProbs,
          });
        }
        return { reply: utterance, utteranceLogProbs: lastUtteranceLogProbs };
      });
    },
  };
}
