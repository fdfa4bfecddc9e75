/** Lines of a text file, streamed: UTF-8 with or without a byte order mark, LF or CRLF, plain or gzip (.gz). Only LF
 *  ends a line: JSON strings may hold U+2028, at which node:readline would break them. */
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { pipeline } from 'node:stream';
import { FormatError } from '../../base/errors.js';

export interface NumberedLine {
  /** Line number, 1 for the first. */
  readonly line: number;
  readonly text: string;
}

/** Yields the lines of a file. @throws FormatError for bytes that are not UTF-8, a broken gzip stream, or a line of more than `maxLength`
 *    characters */
export async function* readLines(path: string, maxLength = 1 << 26): AsyncGenerator<NumberedLine> {
  let line = 0;
  let parts: string[] = [];
  let length = 0;
  const take = (): NumberedLine => {
    const text = parts.join('');
    parts = [];
    length = 0;
    line++;
    return { line, text: text.endsWith('\r') ? text.slice(0, -1) : text };
  };
  for await (const chunk of readText(path)) {
    let start = 0;
    for (let end = chunk.indexOf('\n'); end !== -1; end = chunk.indexOf('\n', start)) {
      parts.push(chunk.slice(start, end));
      start = end + 1;
      yield take();
    }
    if (start < chunk.length) parts.push(chunk.slice(start));
    length += chunk.length - start;
    if (length > maxLength) {
      throw new FormatError('A line is too long', {
        where: `${path}:${line + 1}`,
        expected: `at most ${maxLength} characters`,
        remedy: 'Is this a binary file, or one JSON document? Name its format with format:.',
      });
    }
  }
  if (length > 0) yield take();
}

/** Yields decoded text in chunks, without a byte order mark. */
export async function* readText(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let bytes = 0;
  const file = createReadStream(path);
  const source = path.endsWith('.gz') ? pipeline(file, createGunzip(), () => undefined) : file;
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      yield decoder.decode(chunk, { stream: true });
    }
    yield decoder.decode();
  } catch (cause) {
    if (cause instanceof TypeError) {
      throw new FormatError('The file is not UTF-8 text', {
        where: `${path}, before byte ${bytes}`,
        expected: 'UTF-8',
        remedy: 'Convert it, for example: iconv -f latin1 -t utf-8.',
        cause,
      });
    }
    if (isZlibError(cause)) {
      throw new FormatError('The gzip file is broken', {
        where: path,
        got: cause.message,
        remedy: 'Fetch the file again.',
        cause,
      });
    }
    throw cause;
  } finally {
    file.destroy();
  }
}

function isZlibError(cause: unknown): cause is Error {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' && cause.code.startsWith('Z_');
}
