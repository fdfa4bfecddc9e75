/** Reads an append-only log from where a reader left off. A resumed run cuts its logs back and writes on: a position by
 *  itself would then lie within other lines. A cursor therefore bears a mark of the bytes before it. */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Cursor } from './protocol.js';

export const start: Cursor = { bytes: 0, mark: '' };

const newline = 0x0a;
const markedBytes = 256;
const firstBlock = 1 << 20;
const largestBlock = 1 << 26;

export interface LogPart {
  /** Complete lines, each with its newline. */
  readonly bytes: Buffer;
  /** Offset of the first. */
  readonly offset: number;
  readonly cursor: Cursor;
  /** True when the lines that were read before are no longer in the log. */
  readonly isReset: boolean;
  /** Bytes of the file. */
  readonly size: number;
}

/** Reads complete lines after the cursor, about a megabyte of them; none where nothing was added.
 *  @throws RangeError for a line that is longer than 64 MB */
export function readAfter(path: string, cursor: Cursor): LogPart {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return { bytes: Buffer.alloc(0), offset: 0, cursor: start, isReset: cursor.bytes > 0, size: 0 };
  }
  try {
    const { size } = fstatSync(fd);
    const isReset = cursor.bytes > 0 && (size < cursor.bytes || markBefore(fd, cursor.bytes) !== cursor.mark);
    const offset = isReset ? 0 : cursor.bytes;
    const bytes = readLines(fd, offset, size);
    const next = offset + bytes.length;
    const mark = bytes.length === 0 && !isReset ? cursor.mark : markBefore(fd, next);
    return { bytes, offset, cursor: { bytes: next, mark }, isReset, size };
  } finally {
    closeSync(fd);
  }
}

function readLines(fd: number, offset: number, size: number): Buffer {
  for (let length = firstBlock; ; length *= 4) {
    if (length > largestBlock) throw new RangeError('a line of this log is longer than 64 MB');
    const block = Buffer.alloc(Math.max(0, Math.min(length, size - offset)));
    const count = readSync(fd, block, 0, block.length, offset);
    const end = block.subarray(0, count).lastIndexOf(newline) + 1;
    if (end > 0 || offset + length >= size) return block.subarray(0, end);
  }
}

function markBefore(fd: number, position: number): string {
  if (position === 0) return '';
  const block = Buffer.alloc(Math.min(markedBytes, position));
  readSync(fd, block, 0, block.length, position - block.length);
  return createHash('sha256').update(block).digest('hex').slice(0, 16);
}

/** Calls `each` with every line and where it begins. */
export function eachLine({ bytes, offset }: LogPart, each: (line: Buffer, offset: number) => void): void {
  for (let from = 0; from < bytes.length;) {
    const end = bytes.indexOf(newline, from);
    each(bytes.subarray(from, end), offset + from);
    from = end + 1;
  }
}

/** Reads a piece of a file. */
export function readPiece(path: string, offset: number, length: number): Buffer {
  const fd = openSync(path, 'r');
  try {
    const block = Buffer.alloc(length);
    return block.subarray(0, readSync(fd, block, 0, length, offset));
  } finally {
    closeSync(fd);
  }
}
