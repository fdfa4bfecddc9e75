/** Text files, streamed: UTF-8 with or without a byte order mark, plain or gzip (by the first bytes, whatever the
 *  name). Lines end at LF, CRLF or CR, as Python's text files do, and nowhere else: JSON strings may hold U+2028, at
 *  which node:readline would break them. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
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
  /** Whether the chunk before ended with the CR of a line: an LF that follows belongs to it. */
  let afterCr = false;
  const take = (): NumberedLine => {
    const text = parts.join('');
    parts = [];
    length = 0;
    line++;
    return { line, text };
  };
  const lineBreak = /\r\n|\n|\r/gu;
  for await (const whole of readText(path)) {
    const chunk = afterCr && whole.startsWith('\n') ? whole.slice(1) : whole;
    if (whole !== '') afterCr = whole.endsWith('\r');
    let start = 0;
    lineBreak.lastIndex = 0;
    for (let found = lineBreak.exec(chunk); found !== null; found = lineBreak.exec(chunk)) {
      parts.push(chunk.slice(start, found.index));
      start = found.index + found[0].length;
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

/** Yields decoded text in chunks, without a byte order mark.
 *  @throws FormatError for what is not UTF-8 or not text, and for a broken gzip stream */
export async function* readText(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let bytes = 0;
  const isZipped = await isGzip(path);
  const file = createReadStream(path);
  const source = isZipped ? pipeline(file, createGunzip(), () => undefined) : file;
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      if (bytes === 0) refuseUtf16(chunk, path);
      bytes += chunk.length;
      yield decoder.decode(chunk, { stream: true });
    }
    yield decoder.decode();
  } catch (cause) {
    if (cause instanceof TypeError) {
      throw new FormatError('The file is not UTF-8 text', {
        where: `${path}, before byte ${bytes}`,
        expected: 'UTF-8',
        remedy: 'Convert it, for example: iconv -f windows-1252 -t utf-8; in Excel, save as "CSV UTF-8".',
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

/** Refuses UTF-16, which has a byte order mark, or a zero byte beside each letter; so has most that is no text. Without this, a file
 *  of UTF-16 in Latin letters would pass as UTF-8 with zero characters between them. */
function refuseUtf16(start: Buffer, path: string): void {
  const mark = start.toString('latin1', 0, 2);
  const isUtf16 = mark === '\u00ff\u00fe' || mark === '\u00fe\u00ff';
  if (!isUtf16 && !start.subarray(0, 1000).includes(0)) return;
  throw new FormatError('The file is not UTF-8 text', {
    where: path,
    expected: 'UTF-8',
    got: isUtf16 ? 'UTF-16 (by its byte order mark)' : 'zero bytes: UTF-16, or a binary file',
    remedy: 'Convert it, for example: iconv -f utf-16 -t utf-8; in Excel, save as "CSV UTF-8".',
  });
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer.readUInt16BE(0) === 0x1f8b;
  } finally {
    await file.close();
  }
}

function isZlibError(cause: unknown): cause is Error {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' && cause.code.startsWith('Z_');
}
