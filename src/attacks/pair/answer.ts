/** Reads an answer of PAIR's attacker with a parser of JSON: braces and quotes within its texts end nothing. */
import { firstObject } from '../../speakers/judges/languageModel/jsonReply.js';

/** Returns the message to the target; null for an answer that holds no JSON object with a text under "prompt". A line break
 *  within a text, which JSON does not allow and models write all the same, counts as a space. */
export function messageOf(answer: string): string | null {
  const object = firstObject(answer) ?? firstObject(answer.replace(/[\r\n\t]+/g, ' '));
  const message = object?.['prompt'];
  return typeof message === 'string' && message.trim() !== '' ? message.trim() : null;
}
