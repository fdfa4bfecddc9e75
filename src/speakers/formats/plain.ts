/** Plain continuation: the prompt's ids followed by each utterance's ids, nothing between them. Both sides see the same
 *  context where a prompt has no private views, so that a target that is also the adversary's reference scores an
 *  utterance exactly as the reference would. */
import { goingOn, joinPlain, runningText } from '../../dialogue/join.js';
import { continuedContext, type FormatOptions, type SpeakerFormat, goingOnIds } from './format.js';

export function plainFormat(options: FormatOptions): SpeakerFormat {
  const { tokenizer } = options;
  const openingIds = rememberIds((text) => {
    const ids = tokenizer.encode(text);
    return ids.length === 0 && tokenizer.bosId !== null ? [tokenizer.bosId] : ids;
  });
  return {
    kind: 'plain',
    stop: { stopIds: tokenizer.endIds, stopStrings: [] },
    place: (dialogue, text) => goingOn(runningText(dialogue, joinPlain), text, joinPlain),
    utterance: (text, maxTokens) => goingOnIds(tokenizer, text).slice(0, maxTokens),
    context: (dialogue) =>
      continuedContext(dialogue, { ...options, join: joinPlain, openingIds, asTurn: (ids) => ids }),
  };
}

/** Encodes every text once: all nodes of a prompt's tree ask for the same. */
export function rememberIds(encode: (text: string) => readonly number[]): (text: string) => readonly number[] {
  const known = new Map<string, readonly number[]>();
  return (text) => {
    const ids = known.get(text) ?? encode(text);
    known.set(text, ids);
    return ids;
  };
}
