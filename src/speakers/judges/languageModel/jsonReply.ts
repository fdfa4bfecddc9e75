/** Finds JSON in what a model writes around it. */

/** A reply of nothing but braces must not take minutes: more beginnings than these are not tried. */
const mostBeginnings = 200;

/** Returns the first {…} of a text that is JSON; null for none. */
export function firstObject(text: string): Readonly<Record<string, unknown>> | null {
  let start = text.indexOf('{');
  for (let tried = 0; start >= 0 && tried < mostBeginnings; tried++, start = text.indexOf('{', start + 1)) {
    const end = endOfObject(text, start);
    if (end < 0) continue;
    try {
      return JSON.parse(text.slice(start, end)) as Readonly<Record<string, unknown>>; // It begins with a brace: an object.
    } catch {
      continue;
    }
  }
  return null;
}

/** The place behind the brace that closes the one at `start`, strings set aside; −1 when none does. */
function endOfObject(text: string, start: number): number {
  let depth = 0;
  let inString = false;
  for (let i = start; i < text.length; i++) {
    const character = text[i];
    if (character === '"') inString = !inString;
    else if (inString) i += character === '\\' ? 1 : 0;
    else if (character === '{') depth++;
    else if (character === '}' && --depth === 0) return i + 1;
  }
  return -1;
}

/** Returns the beginning of a reply in quotes, for a message. */
export function quoted(reply: string): string {
  const line = reply.replace(/\s+/g, ' ').trim();
  return JSON.stringify(line.length > 80 ? `${line.slice(0, 79)}…` : line);
}
