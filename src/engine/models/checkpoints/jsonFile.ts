/** JSON files beside a model: read whole, with errors that name the file. */
import { readFile } from 'node:fs/promises';
import { FormatError } from '../../../base/errors.js';
import { errorCode, fileError } from './randomAccess.js';

/** The text of a file, or null when there is none. */
export async function readTextIfPresent(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return null;
    throw fileError(path, 'cannot be read', cause);
  }
}

/** The parsed JSON of a file, or undefined when there is none. */
export async function readJsonIfPresent(path: string): Promise<unknown> {
  const text = await readTextIfPresent(path);
  if (text === null) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new FormatError('not JSON', { where: path, got: cause instanceof Error ? cause.message : '', cause });
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
