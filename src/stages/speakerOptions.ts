/** A recipe's `target:` and `adversary:` as options of a local speaker. */
import type { SpeakerOptions } from '../runs/recipe.js';
import type { FormatKind } from '../speakers/formats/format.js';
import type { LocalSpeakerOptions } from '../speakers/localSpeaker.js';

/** The organism speaks in lines, everything else in running text. */
export function formatOf({ model, format }: Pick<SpeakerOptions, 'model' | 'format'>): FormatKind {
  return format ?? (/^organism(:|$)/.test(model) ? 'lines' : 'plain');
}

export function speakerOptions(speaker: SpeakerOptions): LocalSpeakerOptions {
  const { maxNewTokens, minNewTokens, temperature, topP, topK, minP, repetitionPenalty, maxContextTokens, system, model } = speaker;
  return {
    name: model,
    format: formatOf(speaker),
    sampling: { maxNewTokens, minNewTokens, temperature, topP, topK, minP, repetitionPenalty },
    maxContextTokens,
    ...(system === undefined ? {} : { system }),
  };
}
