/** How two texts that follow each other read as one. Which joining is right depends on the speaker's format; ids never
 *  pass through here, so a joined text is for judges and readers, not for models. */

export type JoinTurns = (before: string, after: string) => string;

/** Running text: one space where neither side brings white space of its own. */
export const joinPlain: JoinTurns = (before, after) => {
  if (before === '' || after === '') return before + after;
  return /\s$/u.test(before) || /^\s/u.test(after) ? before + after : `${before} ${after}`;
};

/** One turn a line. */
export const joinLines: JoinTurns = (before, after) => {
  if (before === '' || after === '') return before + after;
  return before.endsWith('\n') || after.startsWith('\n') ? before + after : `${before}\n${after}`;
};
