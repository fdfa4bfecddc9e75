/** Judges in a row: 'A, max(B, C)' is two. */

/** At commas outside parentheses, so that ensembles nest. */
export function splitNames(list: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let current = '';
  for (const character of list) {
    if (character === ',' && depth === 0) {
      parts.push(current);
      current = '';
      continue;
    }
    if (character === '(') depth++;
    if (character === ')') depth--;
    current += character;
  }
  return [...parts, current].map((part) => part.trim()).filter((part) => part !== '');
}
