/** A target in this process. It scores and continues: the pass that reads an adversary's utterance in order to answer
 *  it also yields the utterance's log-probability, so the likelihood term of a reward costs nothing. It sees the
 *  dialogue and nothing else.
 *
 *  Its reading goes with the reply: when the target is also the reference of a preference loss, the reference term is
 *  known without a pass of its own. */
import type { Target, TargetReply } from '../../dialogue/types.js';
import type { LanguageModel, Precision } from '../../engine/models/languageModel.js';
import { type LocalSpeakerOptions, openLocalSpeaker, type SpeakerCounts, type SpokenTurn } from '../localSpeaker.js';

export interface LocalTarget extends Target {
  readonly model: LanguageModel;
  /** It answers and reads with this precision. */
  readonly precision: Precision;
  readonly counts: () => SpeakerCounts;
}

export function createLocalTarget(model: LanguageModel, options: LocalSpeakerOptions): LocalTarget {
  const speaker = openLocalSpeaker(model, 'target', options);
  return {
    name: speaker.name,
    provides: { logProbs: true, weights: true },
    model,
    precision: options.precision ?? 'f32',
    counts: speaker.counts,
    reply: async (requests) => (await speaker.speak(requests, true)).map(replyWithReading),
  };
}

function replyWithReading({ utterance, context, lastUtteranceLogProbs }: SpokenTurn): TargetReply {
  const { ids, lastUtterance } = context;
  if (lastUtterance === null || lastUtteranceLogProbs === null) return { reply: utterance, reading: null };
  const { start, length } = lastUtterance;
  return {
    reply: utterance,
    reading: {
      logProbs: lastUtteranceLogProbs,
      tokens: { prefixIds: ids.slice(0, start), ids: ids.slice(start, start + length) },
    },
  };
}
