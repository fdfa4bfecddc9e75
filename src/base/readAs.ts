/** Reads what a kept file holds through a schema: a value of the schema's type, or one clear message. A file that
 *  outlives a version says the version of its form as `schema`, which is looked at first. */
import type { z } from 'zod';
import { FormatError } from './errors.js';
import { isJsonObject } from './json.js';

/** @param newest the version that this code writes; it reads all from 1 on
 *  @param what names the file: 'report'
 *  @throws FormatError for a newer version, saying so, and for none */
export function requireVersion(value: unknown, newest: number, what: string, where: string): void {
  const version = isJsonObject(value) ? value['schema'] : undefined;
  const isVersion = typeof version === 'number' && Number.isInteger(version) && version > 0;
  if (isVersion && version <= newest) return;
  const details = {
    where,
    expected: newest === 1 ? '"schema": 1' : `"schema": 1 to ${String(newest)}`,
    got: version === undefined ? 'no "schema"' : `"schema": ${JSON.stringify(version)}`,
  };
  throw isVersion
    ? new FormatError(`this ${what} was written by a newer version of gadfly`, {
        ...details,
        remedy: 'Update gadfly to read it.',
      })
    : new FormatError(`this is not a ${what} of gadfly`, {
        ...details,
        remedy: 'It was changed by something else than gadfly: restore it, or start anew.',
      });
}

/** @param where the file, and the place in it
 *  @throws FormatError naming the first key that is not as expected */
export function readAs<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const key = issue?.path.map(String).join('.') ?? '';
  throw new FormatError('this file does not hold what Gadfly writes', {
    where: key === '' ? where : `${where} (${key})`,
    expected: issue?.message ?? 'another value',
    remedy: 'It was changed by something else, or written by another version: start a new run.',
    cause: parsed.error,
  });
}
