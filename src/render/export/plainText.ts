/** Text and ids that other programs take without trouble. */
import { createHash } from 'node:crypto';

/** Drops control characters, which terminals obey and databases refuse; tabs and line ends stay. */
export function withoutControls(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => (/[\t\n\r]/u.test(character) ? character : ''));
}

/** Returns the same UUID for the same parts (version 8: from a hash). */
export function uuid(parts: readonly (string | number)[]): string {
  const hex = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
