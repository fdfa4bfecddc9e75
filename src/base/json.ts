/** JSON as values: what may be written to a run directory. */
import { readFileSync } from 'node:fs';
import { FormatError } from './errors.js';
import { invariant } from './invariant.js';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue | undefined;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The text of a value. Refuses NaN and infinities, which JSON.stringify would quietly turn into null. */
export function jsonText(value: unknown, indent?: number): string {
  return wellFormed(exactJsonText(value, indent));
}

/** The same with lone surrogates as they are, for what this program reads back itself. */
export function exactJsonText(value: unknown, indent?: number): string {
  const text = JSON.stringify(
    value,
    (key, item: unknown) => {
      if (typeof item === 'number')
        invariant(Number.isFinite(item), `a number that is written is finite (key '${key}' is ${item})`);
      return ArrayBuffer.isView(item) && !(item instanceof DataView)
        ? Array.from(item as unknown as ArrayLike<number>)
        : item;
    },
    indent,
  );
  invariant(text !== undefined, 'what is written has a JSON form');
  return text;
}

/** Returns JSON without lone surrogates: half a character, as a reply that was cut has it, becomes U+FFFD, as in every
 *  file of UTF-8. JSON.stringify writes such a half as an escape, which other readers refuse. */
export function wellFormed(json: string): string {
  return json.includes('\\ud') ? json.replace(/\\(?:ud[89a-f][0-9a-f]{2}|.)/gu, replaceSurrogate) : json;
}

function replaceSurrogate(escape: string): string {
  return escape.startsWith('\\ud') ? '\ufffd' : escape;
}

/** Equal as JSON: order of keys and absent against undefined do not count. */
export function jsonEqual(a: unknown, b: unknown): boolean {
  return firstDifference(a, b) === null;
}

/** The path of the first difference between two JSON values, or null. */
export function firstDifference(a: unknown, b: unknown, path = ''): string | null {
  if (a === b) return null;
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let i = 0; i < Math.max(a.length, b.length); i++) {
      const found = firstDifference(a[i], b[i], `${path}${path === '' ? '' : '.'}${i}`);
      if (found !== null) return found;
    }
    return null;
  }
  if (isJsonObject(a) && isJsonObject(b)) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const found = firstDifference(a[key], b[key], `${path}${path === '' ? '' : '.'}${key}`);
      if (found !== null) return found;
    }
    return null;
  }
  return path === '' ? '(the whole)' : path;
}

/** Reads a JSON object from a file. @throws FormatError when it is not one; the system's error when it cannot be read
 */
export function readJsonObject(path: string): JsonObject {
  const text = readFileSync(path, 'utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new FormatError('not valid JSON', {
      where: path,
      got: error instanceof Error ? error.message : String(error),
      cause: error,
    });
  }
  if (!isJsonObject(value)) throw new FormatError('not a JSON object', { where: path });
  return value;
}
