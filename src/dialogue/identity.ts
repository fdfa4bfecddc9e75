/** Stable names and numbers for texts: the identity of a prompt must not depend on its place in a file or batch. */
import { createHash } from 'node:crypto';

/** Returns the first 12 hexadecimal digits of the SHA-256 of a text: the id of a prompt whose source gives it none. */
export function textId(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex').slice(0, 12);
}

/** Returns a text as an index of a random stream: 48 bits of its SHA-256, an exact number. */
export function textIndex(text: string): number {
  return createHash('sha256').update(text, 'utf8').digest().readUIntBE(0, 6);
}
