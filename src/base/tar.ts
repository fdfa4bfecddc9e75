/** The few files of an archive, as tar: written in the plain form (ustar), read in that form and in those of GNU and
 *  POSIX (pax). In memory. Source: POSIX.1-2017, pax, "ustar Interchange Format". */
import { FormatError } from './errors.js';
import { invariant } from './invariant.js';

export interface ArchivedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const block = 512;
const utf8 = new TextDecoder();

/** @param files with names of at most 100 bytes */
export function packTar(files: readonly ArchivedFile[]): Uint8Array {
  const parts = files.flatMap(({ name, bytes }) => [header(name, bytes.length), bytes, padding(bytes.length)]);
  return Buffer.concat([...parts, new Uint8Array(2 * block)]);
}

function header(name: string, size: number): Uint8Array {
  const out = new Uint8Array(block);
  const put = (at: number, text: string): void => out.set(new TextEncoder().encode(text), at);
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;
  invariant(Buffer.byteLength(name) <= 100 && size < 8 ** 11, 'a small archive has short names and no huge files');
  put(0, name);
  put(100, octal(0o644, 8));
  put(108, octal(0, 8));
  put(116, octal(0, 8));
  put(124, octal(size, 12));
  put(136, octal(0, 12));
  put(148, ' '.repeat(8));
  put(156, '0');
  put(257, 'ustar\0' + '00');
  const sum = out.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, '0')}\0 `);
  return out;
}

function padding(size: number): Uint8Array {
  return new Uint8Array((block - (size % block)) % block);
}

/** Returns the regular files. Folders, links and devices are passed over.
 *  @param only 'files' refuses whatever is not a regular file in the plain form, for an archive that a stranger made
 *  @throws FormatError for what is no archive, or one that is cut off */
export function unpackTar(archive: Uint8Array, where: string, only: 'files' | null = null): readonly ArchivedFile[] {
  const files: ArchivedFile[] = [];
  let longName: string | null = null;
  for (let at = 0; ;) {
    const head = archive.subarray(at, at + block);
    if (head.length < block) throw new FormatError('the archive is cut off', { where, expected: 'its end mark' });
    if (head.every((byte) => byte === 0)) return files;
    const size = sizeIn(head, where);
    const start = at + block;
    if (start + size > archive.length)
      throw new FormatError('the archive is cut off', { where, expected: `${size} bytes of ${textAt(head, 0, 100)}` });
    const bytes = archive.subarray(start, start + size);
    const kind = String.fromCharCode(head[156] ?? 0);
    if (only === 'files' && kind !== '0')
      throw new FormatError('this archive holds something else than files', {
        where: `${where}: ${textAt(head, 0, 100)}`,
        expected: 'regular files (kind 0)',
        got: `an entry of kind ${JSON.stringify(kind)}`,
      });
    if (kind === 'L') longName = utf8.decode(bytes).replace(/\0.*$/s, '');
    else if (kind === 'x') longName = /(?:^|\n)\d+ path=([^\n]*)\n/.exec(utf8.decode(bytes))?.[1] ?? longName;
    else {
      const prefix = textAt(head, 257, 5) === 'ustar' ? textAt(head, 345, 155) : '';
      const short = `${prefix === '' ? '' : `${prefix}/`}${textAt(head, 0, 100)}`;
      if (kind === '0' || kind === '\0') files.push({ name: longName ?? short, bytes });
      if (kind !== 'g') longName = null;
    }
    at = start + size + padding(size).length;
  }
}

function textAt(head: Uint8Array, at: number, length: number): string {
  return utf8.decode(head.subarray(at, at + length)).replace(/\0.*$/s, '');
}

function sizeIn(head: Uint8Array, where: string): number {
  const sum = head.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  if (parseInt(textAt(head, 148, 8).trim(), 8) !== sum)
    throw new FormatError('this is no tar archive', { where, expected: 'a header with its checksum' });
  // Sizes from 8 GiB on are binary; no adapter is that large.
  const size = parseInt(textAt(head, 124, 12).trim(), 8);
  if (Number.isInteger(size) && size >= 0) return size;
  throw new FormatError('this archive is not read here', { where, expected: 'files of less than 8 GiB' });
}
