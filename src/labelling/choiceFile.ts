/** The file labels.jsonl, to which several processes may append at once and which a kill at any moment leaves readable.
 *
 *  A choice is one write to the end of the file, so that choices of two processes never mix, and it is on the disk when
 *  `append` returns. A kill can leave a torn last line; the next choice starts a line of its own, and the torn one, which
 *  no labeller was told is kept, is passed over. What was read is kept in memory: looking again reads only what was
 *  appended since, by whatever process. A file system without appending writes (NFS) is no place for this file. */
import { closeSync, existsSync, fstatSync, fsyncSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { EnvironmentError } from '../base/errors.js';
import { onDisk, syncFolder } from '../base/files.js';
import { jsonText } from '../base/json.js';
import { readAs } from '../base/readAs.js';
import { labelChoiceSchema, type LabelChoice } from './labelChoice.js';

const newline = 0x0a;

export class ChoiceFile {
  readonly path: string;
  #choices: LabelChoice[] = [];
  #torn: string[] = [];
  #generation = 0;
  /** Bytes and lines read so far, and the file that they are of: another one may take its place. */
  #position = 0;
  #lines = 0;
  #inode: number | null = null;

  /** The file need not be there yet. */
  constructor(path: string) {
    this.path = path;
  }

  /** Counts how often the file was replaced or cut: what was read before then counts no longer. */
  get generation(): number {
    return this.#generation;
  }

  /** Places of lines that were never finished, as far as the file was read. */
  get torn(): readonly string[] {
    return this.#torn;
  }

  /** Reads what is new. @returns all choices in the order of the file, the oldest first
   *  @throws FormatError for a line that is JSON and no choice, EnvironmentError */
  read(): readonly LabelChoice[] {
    onDisk(this.path, () => {
      this.#readNew();
    });
    return this.#choices;
  }

  /** Adds choices; they are on the disk when this returns. @throws EnvironmentError */
  append(...choices: readonly LabelChoice[]): void {
    if (choices.length === 0) return;
    onDisk(this.path, () => {
      const isNew = !existsSync(this.path);
      const fd = openSync(this.path, 'a+');
      try {
        const lines = choices.map((choice) => `${jsonText(choice)}\n`).join('');
        const bytes = Buffer.from(endsTorn(fd) ? `\n${lines}` : lines, 'utf8');
        const written = writeSync(fd, bytes);
        if (written < bytes.length) throw writtenInPart(this.path);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      if (isNew) syncFolder(dirname(this.path));
    });
  }

  #readNew(): void {
    const found = existsSync(this.path) ? statSync(this.path) : null;
    if ((found?.ino ?? null) !== this.#inode || (found?.size ?? 0) < this.#position)
      this.#startAnew(found?.ino ?? null);
    if (found === null || found.size === this.#position) return;
    const bytes = readFrom(this.path, this.#position, found.size);
    const end = bytes.lastIndexOf(newline) + 1;
    if (end === 0) return;
    for (const text of bytes.toString('utf8', 0, end - 1).split('\n')) {
      this.#lines++;
      this.#take(text, `${this.path}:${String(this.#lines)}`);
    }
    this.#position += end;
  }

  #startAnew(inode: number | null): void {
    if (this.#position > 0) this.#generation++;
    [this.#choices, this.#torn, this.#position, this.#lines, this.#inode] = [[], [], 0, 0, inode];
  }

  #take(text: string, where: string): void {
    if (text.trim() === '') return;
    const value = parsedOrTorn(text);
    if (value === undefined) this.#torn.push(where);
    else this.#choices.push(readAs(labelChoiceSchema, value, where));
  }
}

/** Returns the choices of a file, the oldest first; none when it does not exist. @throws FormatError, EnvironmentError */
export function readChoices(path: string): readonly LabelChoice[] {
  return new ChoiceFile(path).read();
}

/** Returns undefined for the beginning of a line that was never finished. */
function parsedOrTorn(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function endsTorn(fd: number): boolean {
  const { size } = fstatSync(fd);
  if (size === 0) return false;
  const last = Buffer.alloc(1);
  return readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== newline;
}

function readFrom(path: string, start: number, end: number): Buffer {
  const fd = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(end - start);
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, start));
  } finally {
    closeSync(fd);
  }
}

function writtenInPart(path: string): EnvironmentError {
  return new EnvironmentError('the choice could not be written whole', {
    where: path,
    remedy: 'Free some space on the disk, then choose again.',
  });
}
