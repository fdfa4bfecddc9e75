/** A target in this process. It scores and continues: the pass that reads an adversary's utterance in order to answer
 *  it also yields the utterance's log-probability, so the likelihood term of a reward costs nothing. It sees the
 *  dialogue and nothing else.
 *
 *  Given texts are scored in full precision, whatever it answers with, by a pass of their own.
 *
 *  Its reading goes with the reply: when the target is also the reference of a preference loss, the reference term is
 *  known without a pass of its own. */
import { present } from '../../base/invariant.js';
import type { Target, TargetReply, TextsToScore } from '../../dialogue/types.js';
import type { LanguageModel, Precision } from '../../engine/models/languageModel.js';
import type { Sequence } from '../../engine/models/packSequences.js';
import { scoreCompletions } from '../../engine/models/scoreCompletions.js';
import type { SpeakerFormat } from '../formats/format.js';
import {
  type LocalSpeaker,
  type LocalSpeakerOptions,
  openLocalSpeaker,
  type SpeakerCounts,
  type SpokenTurn,
} from '../localSpeaker.js';

export interface LocalTarget extends Target {
  readonly model: LanguageModel;
  /** It answers and reads with this precision. */
  readonly precision: Precision;
  /** How it sees a dialogue. */
  readonly format: SpeakerFormat;
  /** Returns each text as the beginning of a reply, without what ends one, in ids: what `scoreTexts` scores. */
  readonly textSequences: (request: TextsToScore) => readonly Sequence[];
  readonly counts: () => SpeakerCounts;
}

export interface LocalTargetOptions extends LocalSpeakerOptions {
  /** Called with how many texts were only scored. */
  readonly onScored?: (texts: number) => void;
}

export function createLocalTarget(model: LanguageModel, options: LocalTargetOptions): LocalTarget {
  const speaker = openLocalSpeaker(model, 'target', options);
  return {
    name: speaker.name,
    provides: { logProbs: true, weights: true },
    model,
    precision: options.precision ?? 'f32',
    format: speaker.format,
    textSequences: (request) => textSequences(model, speaker, request),
    counts: speaker.counts,
    reply: async (requests) => (await speaker.speak(requests, true)).map(replyWithReading),
    scoreTexts: async (requests) => {
      const items = requests.flatMap((request) => textSequences(model, speaker, request));
      options.onScored?.(items.length);
      const scored = await scoreCompletions(model, items);
      let next = 0;
      return requests.map(({ texts }) => texts.map(() => [...present(scored[next++], 'scores of each text')]));
    },
  };
}

/** Texts of one dialogue share what is read before them. A context that leaves no room for a text loses its oldest tokens. */
function textSequences(
  { contextLength }: LanguageModel,
  { format, context }: LocalSpeaker,
  { dialogue, texts }: TextsToScore,
): readonly Sequence[] {
  const before = context(dialogue).ids;
  return texts.map((text) => {
    const ids = [...format.utterance(format.place(dialogue, text), contextLength - 1)];
    while (ids.length > 0 && format.stop.stopIds.includes(ids.at(-1) as number)) ids.pop(); // `ids` has a last one.
    return { prefix: before.slice(-(contextLength - ids.length)), completion: ids };
  });
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
