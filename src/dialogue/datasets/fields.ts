/** Checked access to the fields of untrusted records. Errors name the place, the key and the kind found, never the
 *  text. */
import { ConfigError, FormatError } from '../../base/errors.js';
import { ownField } from '../../base/fields.js';
import { textId } from '../identity.js';
import type { Prompt } from '../types.js';
import { describe } from './json.js';

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function asFields(value: unknown, where: string): Fields {
  if (isFields(value)) return value;
  throw new FormatError('This is not an object', {
    where,
    expected: 'a JSON object',
    got: describe(value),
    remedy: 'Correct this line.',
  });
}

/** Returns a string field, empty or not. */
export function stringField(fields: Fields, key: string, where: string): string {
  const value = ownField(fields, key);
  if (typeof value === 'string') return value;
  throw new FormatError(`The field ${key} is not text`, {
    where,
    expected: 'a string',
    got: describe(value ?? null),
    remedy: 'Correct this line.',
  });
}

/** Returns whether a value is an object that has all these fields. */
export function hasFields(value: unknown, keys: readonly string[]): boolean {
  return isFields(value) && keys.every((key) => Object.hasOwn(value, key));
}

/** Returns the field as text: a number or a flag as it is written, nothing as empty text. */
export function textOf(fields: Fields, key: string): string {
  const value = ownField(fields, key);
  if (typeof value === 'boolean') return value ? '1' : '0';
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** Returns the first of these names that a field has, exactly or else but for upper and lower case; null for none. */
export function nameAmong(fields: Fields, names: readonly string[]): string | null {
  const exact = names.find((name) => Object.hasOwn(fields, name));
  if (exact !== undefined) return exact;
  const own = Object.keys(fields);
  for (const name of names) {
    const found = own.find((key) => key.toLowerCase() === name);
    if (found !== undefined) return found;
  }
  return null;
}

/** Returns a share in [0, 1] that may be missing or null; CSV has it as text, empty or nan where it is missing. */
export function shareField(fields: Fields, key: string, where: string): number | null {
  const given = ownField(fields, key);
  if (given === undefined || given === null) return null;
  if (typeof given === 'string' && ['', 'nan', 'null', 'none'].includes(given.trim().toLowerCase())) return null;
  const value = typeof given === 'string' ? Number(given) : given;
  if (typeof value === 'number' && value >= 0 && value <= 1) return value;
  throw new FormatError(`The field ${key} is not a score`, {
    where,
    expected: 'a number in [0, 1] or null',
    got: describe(given),
    remedy: 'Correct this line.',
  });
}

/** Returns a text to start a dialogue from. */
export function promptText(text: string, where: string): string {
  if (text.trim() !== '') return text;
  throw new ConfigError('A prompt is empty', {
    where,
    expected: 'some text: the probability of a first token after nothing is not defined',
    got: describe(text),
    remedy: 'Remove this item.',
  });
}

/** Returns a prompt that is nothing more than a text: its id comes from its text, and it is a conversation of its own. */
export function promptOfText(text: string): Prompt {
  const id = textId(text);
  return { id, text, conversationId: id };
}

export type Meta = Readonly<Record<string, string | number | boolean | null>>;

/** Returns the fields that are plain values, without the named ones. */
export function plainFields(fields: Fields, except: readonly string[] = []): Meta {
  const plain = Object.entries(fields).filter(
    (entry): entry is [string, string | number | boolean | null] =>
      !except.includes(entry[0]) && (entry[1] === null || ['string', 'number', 'boolean'].includes(typeof entry[1])),
  );
  return Object.fromEntries(plain);
}
