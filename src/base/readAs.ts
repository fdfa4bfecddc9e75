/** Reads what a file holds through a schema: a value of the schema's type, or one clear message. */
import type { z } from 'zod';
import { FormatError } from './errors.js';

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
