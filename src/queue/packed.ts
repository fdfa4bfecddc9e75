/** Jobs and results as they lie in Redis: JSON, compressed. */
import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import { FormatError } from '../base/errors.js';
import { exactJsonText } from '../base/json.js';

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** More than this is no result of a job. */
const maxBytes = 2 ** 29;

export async function pack(value: unknown): Promise<string> {
  return (await deflate(exactJsonText(value))).toString('base64');
}

/** @throws FormatError for what `pack` did not write, or what is far too large */
export async function unpack(packed: unknown, where: string): Promise<unknown> {
  try {
    const bytes = await inflate(Buffer.from(String(packed), 'base64'), { maxOutputLength: maxBytes });
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new FormatError('this is nothing that gadfly put into the queue', { where, cause });
  }
}
