/** Dialogues that begin with nothing: `start:N` in the place of a file of prompts gives N of them. Their first utterance is
 *  drawn from the start token of the adversary's model, as in Explore, Establish, Exploit (arXiv 2306.09442). */
import type { Prompt } from '../types.js';

const prefix = 'start:';

/** Whether a source of prompts is written as one of dialogues that begin with nothing, rightly or not. */
export function isStartSource(source: string | null | undefined): source is string {
  return source?.startsWith(prefix) === true;
}

/** Returns the number of dialogues of a source `start:N`; null for any other, and for an N that is no count. */
export function startCount(source: string): number | null {
  const number = /^start:([1-9]\d{0,6})$/.exec(source)?.[1];
  return number === undefined ? null : Number(number);
}

/** Returns prompts without text. They are alike but for their ids, on which the draws of a dialogue depend. */
export function startPrompts(count: number): readonly Prompt[] {
  return Array.from({ length: count }, (_, i) => {
    const id = `start-${String(i + 1)}`;
    return { id, text: '', conversationId: id };
  });
}
