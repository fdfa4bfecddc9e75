/** Text inside XML. XML 1.0 cannot hold most control characters at all, not even escaped. */
import { withoutControls } from './plainText.js';

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

const escape = (character: string): string => entities[character] ?? character;

/** Returns text that is safe in an element: control characters are dropped, and what XML cannot hold either, halves of
 *  characters and the last two of Unicode's basic plane, become U+FFFD. */
export function escapeXml(text: string): string {
  return withoutControls(text)
    .replace(/[\ufffe\uffff]|\p{Surrogate}/gu, '\ufffd')
    .replace(/[&<>"'\r]/gu, escape);
}

/** Returns text that is safe between the quotes of an attribute, where a reader would turn tabs and line ends into
 *  spaces. */
export function escapeXmlAttribute(text: string): string {
  return escapeXml(text).replace(/[\t\n]/gu, escape);
}
