/** A recipe's `target:` and `adversary:` as options of a local speaker. */
import { joinLines, joinPlain, type JoinTurns } from '../dialogue/join.js';
import { speakerKind, type SpeakerOptions } from './options.js';
import type { FormatKind } from './formats/format.js';
import type { LocalSpeakerOptions } from './localSpeaker.js';

/** The organism speaks in lines, endpoints in chats, everything else in running text. */
export function speakerFormat({ model, format }: Pick<SpeakerOptions, 'model' | 'format'>): FormatKind {
  if (format !== undefined) return format;
  const kind = speakerKind(model);
  return kind === 'openai' || kind === 'http' ? 'chat' : /^organism(:|$)/.test(model) ? 'lines' : 'plain';
}

/** How the turns of a dialogue read together. */
export function speakerJoin(speaker: Pick<SpeakerOptions, 'model' | 'format'>): JoinTurns {
  return speakerFormat(speaker) === 'lines' ? joinLines : joinPlain;
}

export function speakerOptions(speaker: SpeakerOptions): LocalSpeakerOptions {
  const {
    maxNewTokens,
    minNewTokens,
    temperature,
    topP,
    topK,
    minP,
    repetitionPenalty,
    maxContextTokens,
    system,
    reasoning,
    model,
  } = speaker;
  return {
    name: model,
    format: speakerFormat(speaker),
    sampling: { maxNewTokens, minNewTokens, temperature, topP, topK, minP, repetitionPenalty },
    maxContextTokens,
    reasoning,
    ...(system === undefined ? {} : { system }),
  };
}
