/** Reads what a file holds through a schema: a value of the schema's type, or one clear message. */
import type { z } from 'zod';
import { FormatError } from './errors.js';

/** @param where the file, and the place in it
 *  @throws FormatError naming the first key that is not as expected; a value of a newer version says so */
export function readAs<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const version = versionOf(value);
  if (version !== null && version > 1 && issue?.path[0] === 'schema') {
    throw new FormatError('this file was written by a newer version of Gadfly', {
      where,
      expected: '"schema": 1',
      got: `"schema": ${version}`,
      remedy: 'Use a newer version of Gadfly.',
    });
  }
  const key = issue?.path.map(String).join('.') ?? '';
  throw new FormatError('this file does not hold what Gadfly writes', {
    where: key === '' ? where : `${where} (${key})`,
    expected: issue?.message ?? 'another value',
    remedy: 'It was changed by something else, or written by another version: start a new run.',
    cause: parsed.error,
  });
}

function versionOf(value: unknown): number | null {
  if (typeof value !== 'object' || value === null || !('schema' in value)) return null;
  return typeof value.schema === 'number' ? value.schema : null;
}
