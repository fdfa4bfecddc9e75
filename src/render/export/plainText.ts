/** Text that other programs take without trouble. */

/** Drops control characters, which terminals obey and databases refuse; tabs and line ends stay. */
export function withoutControls(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => (/[\t\n\r]/u.test(character) ? character : ''));
}
