/** Typed look-ups in the metadata of a GGUF file. */
import { FormatError } from '../../../base/errors.js';
import type { GgufHeader, GgufValue } from './ggufHeader.js';

export interface GgufMetadata {
  readonly where: string;
  /** `general.architecture`; most keys of a model begin with it. */
  readonly architecture: string;
  readonly has: (key: string) => boolean;
  readonly text: (key: string) => string | null;
  readonly number: (key: string) => number | null;
  readonly requiredNumber: (key: string) => number;
  readonly flag: (key: string) => boolean | null;
  readonly texts: (key: string) => readonly string[] | null;
  readonly numbers: (key: string) => ArrayLike<number> | null;
  readonly numberOrNumbers: (key: string) => number | ArrayLike<number> | null;
}

/** @throws FormatError from a look-up whose value has another type than the key's */
export function readMetadata(header: GgufHeader, where: string): GgufMetadata {
  const find = <T extends GgufValue>(
    key: string,
    accepts: (value: GgufValue) => value is T,
    expected: string,
  ): T | null => {
    const value = header.metadata.get(key);
    if (value === undefined) return null;
    if (accepts(value)) return value;
    throw new FormatError(`metadata ${key} has the wrong type`, {
      where,
      expected,
      got: JSON.stringify(value).slice(0, 100),
    });
  };
  const number = (key: string): number | null =>
    find(key, (value): value is number => typeof value === 'number', 'a number');
  const text = (key: string): string | null =>
    find(key, (value): value is string => typeof value === 'string', 'a text');
  return {
    where,
    architecture: text('general.architecture') ?? '',
    has: (key) => header.metadata.has(key),
    text,
    number,
    requiredNumber: (key) => {
      const value = number(key);
      if (value === null) throw new FormatError(`no metadata ${key}`, { where });
      return value;
    },
    flag: (key) => find(key, (value): value is boolean => typeof value === 'boolean', 'true or false'),
    texts: (key) => find(key, isTexts, 'a list of texts'),
    numbers: (key) => find(key, isNumbers, 'a list of numbers'),
    numberOrNumbers: (key) =>
      find(
        key,
        (value): value is number | Float32Array => typeof value === 'number' || isNumbers(value),
        'a number or a list of numbers',
      ),
  };
}

function isTexts(value: GgufValue): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isNumbers(value: GgufValue): value is Float32Array {
  return ArrayBuffer.isView(value);
}

/** GGUF keeps numbers of a config.json as f32: gives back the shortest decimal that rounds to the same f32
 *  (9.99999975e-6 → 1e-5). */
export function decimalOf(value: number): number {
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return short;
  }
  return value;
}
