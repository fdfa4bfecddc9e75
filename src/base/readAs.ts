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

/** Reads a value that must be as the schema says.
 *  @param where the file, and the line in it
 *  @throws FormatError naming the first key that is not as expected */
export function readAs<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new FormatError('this is not what gadfly writes', {
    where,
    expected: issue === undefined ? 'another value' : describeIssue(issue),
    remedy: 'It was changed by something else than gadfly: restore it, or start anew.',
    cause: parsed.error,
  });
}

/** 'a number at rows[0].metrics.replyHarm.low' */
function describeIssue(issue: z.core.$ZodIssue): string {
  const place = issue.path
    .map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i === 0 ? '' : '.'}${String(key)}`))
    .join('');
  return `${expectedBy(issue)} at ${place === '' ? 'the top' : place}`;
}

function expectedBy(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') return issue.values.map((value) => JSON.stringify(value)).join(' or ');
  if (issue.code !== 'invalid_type') return issue.message.replace(/^.*expected /, '');
  const names: Readonly<Record<string, string>> = {
    array: 'a list',
    object: 'an object',
    record: 'an object',
    string: 'a text',
    boolean: 'true or false',
    number: 'a number',
    int: 'a whole number',
  };
  return names[issue.expected] ?? issue.expected;
}
