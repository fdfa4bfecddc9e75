/** An append-only file of JSON lines that survives a kill at any byte: a record counts once its newline is written;
 *  opening for writing cuts off a torn last line. Positions are byte offsets, so that a resumed run can cut the file
 *  back to exactly what a checkpoint had seen. Writes are synchronous and in order. */
import {
  closeSync,
  createReadStream,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { basename } from 'node:path';
import { FormatError } from '../base/errors.js';
import { invariant } from '../base/invariant.js';
import { onDisk } from '../base/files.js';
import { jsonText } from '../base/json.js';
import type { JsonObject } from '../base/json.js';

const newline = 0x0a;
const blockBytes = 1 << 16;

export class RecordLog {
  readonly path: string;
  #fd: number | null;
  #position: number;
  readonly #healedBytes: number;

  private constructor(path: string, fd: number, position: number, healedBytes: number) {
    this.path = path;
    this.#fd = fd;
    this.#position = position;
    this.#healedBytes = healedBytes;
  }

  /** Opens for appending, creating the file when absent and removing a torn last line. @throws EnvironmentError */
  static open(path: string): RecordLog {
    return onDisk(path, () => {
      const fd = openSync(path, existsSync(path) ? 'r+' : 'wx+');
      const size = fstatSync(fd).size;
      const end = endOfLastRecord(fd, size);
      if (end < size) ftruncateSync(fd, end);
      return new RecordLog(path, fd, end, size - end);
    });
  }

  /** Bytes of complete records. */
  get position(): number {
    return this.#position;
  }

  /** Bytes of a torn line that opening removed. */
  get healedBytes(): number {
    return this.#healedBytes;
  }

  /** Appends records, all or none: when the disk refuses, the file is cut back. @throws EnvironmentError */
  append(...records: readonly JsonObject[]): void {
    if (records.length === 0) return;
    const bytes = Buffer.from(records.map((record) => `${jsonText(record)}\n`).join(''), 'utf8');
    const fd = this.#open();
    onDisk(this.path, () => {
      let done = 0;
      try {
        while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, this.#position + done);
      } catch (error) {
        cutBack(fd, this.#position);
        throw error;
      }
      this.#position += bytes.length;
    });
  }

  /** Cuts the file back to a position it had before. @throws FormatError when that is no end of a record */
  truncateTo(position: number): void {
    const fd = this.#open();
    if (position === this.#position) return;
    if (position > this.#position || !isRecordEnd(fd, position)) {
      throw new FormatError('cannot go back to this position', {
        where: this.path,
        expected: `the end of a record, at most ${this.#position} bytes`,
        got: `${position} bytes`,
        remedy: 'The file was changed by something else than Gadfly; start a new run.',
      });
    }
    onDisk(this.path, () => {
      ftruncateSync(fd, position);
      this.#position = position;
    });
  }

  /** Waits until everything appended is on the disk. @throws EnvironmentError */
  sync(): void {
    const fd = this.#open();
    onDisk(this.path, () => {
      fsyncSync(fd);
    });
  }

  close(): void {
    if (this.#fd === null) return;
    const fd = this.#fd;
    this.#fd = null;
    onDisk(this.path, () => {
      closeSync(fd);
    });
  }

  #open(): number {
    invariant(this.#fd !== null, `${basename(this.path)} is open while it is written`);
    return this.#fd;
  }
}

/** A complete line of a log. */
export interface LogLine {
  readonly record: JsonObject;
  /** The file and the number of the line, from 1: 'runs/demo/rollouts.jsonl:7'. */
  readonly where: string;
}

/** Reads the complete records of a file one by one, oldest first; none when the file does not exist. A torn last line is
 *  passed over, so that a run in progress can be read. @throws FormatError for a complete line that is not a JSON object,
 *  with its number */
export async function* readRecords(path: string): AsyncGenerator<LogLine> {
  if (!existsSync(path)) return;
  let line = 0;
  let rest: Buffer[] = [];
  for await (const chunk of createReadStream(path, { highWaterMark: blockBytes })) {
    const bytes = chunk as Buffer;
    let from = 0;
    for (let at = bytes.indexOf(newline, from); at !== -1; at = bytes.indexOf(newline, from)) {
      const text = Buffer.concat([...rest, bytes.subarray(from, at)]).toString('utf8');
      rest = [];
      from = at + 1;
      line++;
      const where = `${path}:${String(line)}`;
      yield { record: parseRecord(text, where), where };
    }
    if (from < bytes.length) rest.push(bytes.subarray(from));
  }
}

export async function readAllRecords(path: string): Promise<readonly JsonObject[]> {
  const out: JsonObject[] = [];
  for await (const { record } of readRecords(path)) out.push(record);
  return out;
}

function parseRecord(text: string, where: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  } catch (error) {
    throw new FormatError('this line is not JSON', {
      where,
      cause: error,
      remedy: 'Remove the line, or start a new run.',
    });
  }
  throw new FormatError('this line is not a JSON object', {
    where,
    got: text.slice(0, 60),
    remedy: 'Remove the line, or start a new run.',
  });
}

/** Best effort after a failed write, whose own error is the one to tell: the next opening heals what is left. */
function cutBack(fd: number, position: number): void {
  try {
    ftruncateSync(fd, position);
  } catch {
    // See above.
  }
}

/** Position after the last newline; also drops a last line of zero bytes, which a power failure can leave behind. */
function endOfLastRecord(fd: number, size: number): number {
  let end = lastNewlineBefore(fd, size) + 1;
  while (end > 0) {
    const start = lastNewlineBefore(fd, end - 1) + 1;
    const first = Buffer.alloc(1);
    readSync(fd, first, 0, 1, start);
    if (first[0] === 0x7b) break;
    end = start;
  }
  return end;
}

function lastNewlineBefore(fd: number, limit: number): number {
  const block = Buffer.alloc(blockBytes);
  for (let end = limit; end > 0;) {
    const start = Math.max(0, end - blockBytes);
    const count = readSync(fd, block, 0, end - start, start);
    const at = block.subarray(0, count).lastIndexOf(newline);
    if (at !== -1) return start + at;
    end = start;
  }
  return -1;
}

/** Whether a record ends at this position of a file. @throws EnvironmentError */
export function endsRecord(path: string, position: number): boolean {
  return onDisk(path, () => {
    const fd = openSync(path, 'r');
    try {
      return position <= fstatSync(fd).size && isRecordEnd(fd, position);
    } finally {
      closeSync(fd);
    }
  });
}

function isRecordEnd(fd: number, position: number): boolean {
  if (position === 0) return true;
  const byte = Buffer.alloc(1);
  return readSync(fd, byte, 0, 1, position - 1) === 1 && byte[0] === newline;
}
