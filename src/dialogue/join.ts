/** Joins two texts that follow each other. Which joining is right depends on the speaker's format. Token ids are not
 *  joined here, so a joined text is for judges and readers, not for models. */

import type { Dialogue } from './types.js';

export type JoinTurns = (before: string, after: string) => string;

/** Joins as running text: one space where neither side brings white space of its own. */
export const joinPlain: JoinTurns = (before, after) => {
  if (before === '' || after === '') return before + after;
  return /\s$/u.test(before) || /^\s/u.test(after) ? before + after : `${before} ${after}`;
};

/** Joins with one turn per line. */
export const joinLines: JoinTurns = (before, after) => {
  if (before === '' || after === '') return before + after;
  return before.endsWith('\n') || after.startsWith('\n') ? before + after : `${before}\n${after}`;
};

/** Returns the later text with the space or line break that joins it to the earlier one. */
export function goingOn(before: string, after: string, join: JoinTurns): string {
  return join(before, after).slice(before.length);
}

/** A dialogue as running text. */
export function runningText({ prompt, turns }: Dialogue, join: JoinTurns): string {
  return turns.reduce((text, turn) => join(text, turn.text), prompt.turns?.join('\n\n') ?? prompt.text);
}
