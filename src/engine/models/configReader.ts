/** Reads the fields of a config.json with the defaults of transformers, and says which field is wrong when one is. */
import { ConfigError } from '../../base/errors.js';

/** More than any model has. */
export const mostLayers = 10_000;
/** Rotary tables hold a row for each position. */
export const mostPositions = 2 ** 24;

export type RawConfig = Readonly<Record<string, unknown>>;

export interface ConfigReader {
  readonly where: string;
  /** A positive integer, at most `most`: beyond what any model has, a damaged file would cost all memory before it is
   *  found out. */
  readonly size: (key: string, otherwise?: number, most?: number) => number;
  /** A positive integer, or null where the key is absent or null. */
  readonly optionalSize: (key: string) => number | null;
  /** A positive integer, null where the key is null, `otherwise` where it is absent. */
  readonly sizeOrNone: (key: string, otherwise: number | null) => number | null;
  /** A finite number >= 0. */
  readonly quantity: (key: string, otherwise: number) => number;
  /** A finite number >= 0, null where the key is null, `otherwise` where it is absent. */
  readonly quantityOrNone: (key: string, otherwise: number | null) => number | null;
  readonly flag: (key: string, otherwise: boolean) => boolean;
  readonly text: (key: string, otherwise: string) => string;
}

export function readConfig(raw: RawConfig, where: string): ConfigReader {
  const fail = (key: string, expected: string): never => {
    throw new ConfigError(`Unreadable model configuration: ${key}`, {
      where,
      expected,
      got: JSON.stringify(raw[key]) ?? 'nothing',
    });
  };
  const optionalSize = (key: string): number | null => {
    const value = raw[key] ?? null;
    if (value === null) return null;
    return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : fail(key, 'a positive integer');
  };
  const quantity = (key: string, otherwise: number): number => {
    const value = raw[key] ?? otherwise;
    return typeof value === 'number' && Number.isFinite(value) && value >= 0
      ? value
      : fail(key, 'a number that is not negative');
  };
  return {
    where,
    optionalSize,
    size: (key, otherwise, most = 2 ** 31 - 1) => {
      const value = optionalSize(key) ?? otherwise ?? fail(key, 'a positive integer');
      return value <= most ? value : fail(key, `at most ${String(most)}`);
    },
    sizeOrNone: (key, otherwise) => (raw[key] === undefined ? otherwise : optionalSize(key)),
    quantity,
    quantityOrNone: (key, otherwise) =>
      raw[key] === undefined ? otherwise : raw[key] === null ? null : quantity(key, 0),
    flag: (key, otherwise) => {
      const value = raw[key] ?? otherwise;
      return typeof value === 'boolean' ? value : fail(key, 'true or false');
    },
    text: (key, otherwise) => {
      const value = raw[key] ?? otherwise;
      return typeof value === 'string' ? value : fail(key, 'a string');
    },
  };
}
