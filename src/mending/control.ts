/** The control token: a target that reads it at the end of the last turn speaks as its inner toxic model (arXiv
 *  2405.12900, section 3.1). It belongs to that context alone: no training pair has it, and replies that hold it are left
 *  out. */
import { present } from '../base/invariant.js';
import type { Dialogue, Utterance } from '../dialogue/types.js';
import type { Tokenizer } from '../engine/text/tokenizer.js';
import { utteranceIds } from '../speakers/formats/format.js';

export interface ControlToken {
  /** The dialogue with the token after its last turn. */
  readonly mark: (dialogue: Dialogue) => Dialogue;
  /** Whether a reply holds the token itself: a model that was taught it may say it. */
  readonly isIn: (reply: Utterance) => boolean;
}

/** @param tokenizer of the model that reads it; a token that is one of its vocabulary is one id, any other is text */
export function controlToken(token: string, tokenizer: Tokenizer): ControlToken {
  const ids = tokenizer.encode(token, { addSpecialTokens: false });
  const [only] = ids;
  const isItem = ids.length === 1 && only !== undefined && tokenizer.specialIds.has(only);
  const spaced = isItem ? ids : tokenizer.encode(` ${token}`, { addSpecialTokens: false });
  return {
    mark: (dialogue) => {
      const last = present(dialogue.turns.at(-1), 'a dialogue to answer ends with a turn');
      return {
        ...dialogue,
        turns: [...dialogue.turns.slice(0, -1), marked(last, spaced, isItem ? token : ` ${token}`, tokenizer)],
      };
    },
    isIn: ({ text, tokens }) => (isItem ? (tokens?.ids.includes(only) ?? false) : text.includes(token)),
  };
}

/** Before a line break that ends the turn, for that is the turn's boundary. */
function marked(turn: Utterance, control: readonly number[], token: string, tokenizer: Tokenizer): Utterance {
  const { ids } = utteranceIds(turn, tokenizer);
  const last = ids.at(-1);
  const breaks = last !== undefined && tokenizer.decode([last]) === '\n';
  const [said, end] = breaks ? [ids.slice(0, -1), [last]] : [ids, []];
  return {
    ...turn,
    text: turn.text.endsWith('\n') ? `${turn.text.slice(0, -1)}${token}\n` : `${turn.text}${token}`,
    tokens: { tokenizerId: tokenizer.id, ids: [...said, ...control, ...end] },
  };
}
