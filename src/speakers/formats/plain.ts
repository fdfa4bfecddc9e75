/** Plain continuation: the prompt's ids followed by each utterance's ids, nothing between them. Both sides see the same
 *  context, so that a target that is also the adversary's reference scores an utterance exactly as the reference would.
 */
import type { Dialogue, Prompt } from '../../dialogue/types.js';
import { type FormatOptions, joinSegments, type Segment, type SpeakerFormat, utteranceIds } from './format.js';

export function plainFormat(options: FormatOptions): SpeakerFormat {
  const { tokenizer } = options;
  const promptIds = rememberedPromptIds((prompt) => {
    const ids = tokenizer.encode(prompt.text);
    return ids.length === 0 && tokenizer.bosId !== null ? [tokenizer.bosId] : ids;
  });
  return {
    kind: 'plain',
    stop: { stopIds: tokenizer.endIds, stopStrings: [] },
    utterance: (text, maxTokens) => tokenizer.encode(text, { addSpecialTokens: false }).slice(0, maxTokens),
    context: (dialogue: Dialogue) => {
      let retokenised = 0;
      const segments: Segment[] = [{ ids: promptIds(dialogue.prompt), lastUtterance: false }];
      dialogue.turns.forEach((turn, i) => {
        const read = utteranceIds(turn, tokenizer);
        if (read.retokenised) retokenised++;
        segments.push({ ids: read.ids, lastUtterance: i === dialogue.turns.length - 1 });
      });
      return joinSegments(segments, options.maxContextTokens, { bosId: tokenizer.bosId, retokenised });
    },
  };
}

/** A prompt is encoded once, however many nodes of its tree ask. */
export function rememberedPromptIds(
  encode: (prompt: Prompt) => readonly number[],
): (prompt: Prompt) => readonly number[] {
  const known = new WeakMap<Prompt, readonly number[]>();
  return (prompt) => {
    let ids = known.get(prompt);
    if (ids === undefined) {
      ids = encode(prompt);
      known.set(prompt, ids);
    }
    return ids;
  };
}
