/** Takes one file out of a ZIP archive (a Python wheel is one). The archive is not trusted: every offset is checked
 *  against the file, nothing is written beyond the length that the directory declares, and the checksum must be right.
 *  Source: PKWARE APPNOTE 6.3.9, sections 4.3.7, 4.3.12, 4.3.16. No ZIP64, encryption or splitting. */
import { createReadStream, createWriteStream } from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw } from 'node:zlib';
import { FormatError } from '../../../../base/errors.js';
import { errorCode, fileError, openRandomAccess, type RandomAccessFile } from '../randomAccess.js';

interface ZipEntry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly packedBytes: number;
  readonly bytes: number;
  /** Offset of the local header. */
  readonly offset: number;
}

const endRecordBytes = 22;
const maxCommentBytes = 0xffff;
const centralHeaderBytes = 46;
const localHeaderBytes = 30;
const stored = 0;
const deflated = 8;

/** Writes the only entry whose name `matches` to `target`, a new file.
 *  @throws FormatError when the archive is malformed or has not exactly one such entry; EnvironmentError when the disk
 *    refuses */
export async function extractZipEntry(
  archive: string,
  matches: (name: string) => boolean,
  target: string,
): Promise<void> {
  const file = await openRandomAccess(archive);
  try {
    const found = (await readDirectory(file)).filter(({ name }) => matches(name));
    const [entry] = found;
    if (entry === undefined || found.length > 1) {
      throw new FormatError('the archive does not hold exactly one such file', {
        where: archive,
        got: found.map(({ name }) => name).join(', ') || 'none',
      });
    }
    await extract(file, entry, target);
  } finally {
    await file.close();
  }
}

async function readDirectory(file: RandomAccessFile): Promise<readonly ZipEntry[]> {
  const { count, start, length } = await readEndRecord(file);
  const bytes = await file.read(start, length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: ZipEntry[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + centralHeaderBytes > length || view.getUint32(at, true) !== 0x02014b50)
      throw malformed(file, 'its directory is damaged');
    const nameLength = view.getUint16(at + 28, true);
    const end = at + centralHeaderBytes + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (end > length) throw malformed(file, 'its directory is damaged');
    entries.push({
      name: new TextDecoder().decode(bytes.subarray(at + centralHeaderBytes, at + centralHeaderBytes + nameLength)),
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      packedBytes: view.getUint32(at + 20, true),
      bytes: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    });
    at = end;
  }
  return entries;
}

/** The record lies at the end, before a comment of unknown length. */
async function readEndRecord(file: RandomAccessFile): Promise<{ count: number; start: number; length: number }> {
  const tailLength = Math.min(file.size, endRecordBytes + maxCommentBytes);
  const tail = await file.read(file.size - tailLength, tailLength);
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  for (let at = tailLength - endRecordBytes; at >= 0; at--) {
    if (view.getUint32(at, true) !== 0x06054b50 || at + endRecordBytes + view.getUint16(at + 20, true) !== tailLength)
      continue;
    const count = view.getUint16(at + 10, true);
    const length = view.getUint32(at + 12, true);
    const start = view.getUint32(at + 16, true);
    if (start === 0xffffffff || count === 0xffff) throw malformed(file, 'ZIP64 archives are not supported');
    if (start + length > file.size - endRecordBytes) throw malformed(file, 'its directory lies past the end');
    return { count, start, length };
  }
  throw malformed(file, 'not a ZIP archive, or cut short');
}

async function extract(file: RandomAccessFile, entry: ZipEntry, target: string): Promise<void> {
  if (entry.method !== stored && entry.method !== deflated)
    throw malformed(file, `${entry.name} is packed in an unknown way (${entry.method})`);
  const header = await file.read(entry.offset, localHeaderBytes);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (view.getUint32(0, true) !== 0x04034b50) throw malformed(file, `${entry.name} is not where the directory says`);
  const start = entry.offset + localHeaderBytes + view.getUint16(26, true) + view.getUint16(28, true);
  if (start + entry.packedBytes > file.size) throw malformed(file, `${entry.name} lies past the end`);
  const check = checkedLength(file, entry);
  // A stream of no bytes cannot be asked for by its last byte.
  const source =
    entry.packedBytes === 0
      ? Readable.from([])
      : createReadStream(file.path, { start, end: start + entry.packedBytes - 1 });
  const sink = createWriteStream(target, { flags: 'wx', flush: true });
  try {
    if (entry.method === stored) await pipeline(source, check, sink);
    else await pipeline(source, createInflateRaw(), check, sink);
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    if (errorCode(cause)?.startsWith('Z_') === true) throw malformed(file, `${entry.name} is damaged`, cause);
    throw fileError(target, 'cannot be written', cause);
  }
}

/** Lets bytes through while they stay within the declared length, and checks length and checksum at the end. */
function checkedLength(file: RandomAccessFile, { name, bytes, crc }: ZipEntry): Transform {
  let seen = 0;
  let sum = 0;
  return new Transform({
    transform: (piece: Buffer, _encoding, done) => {
      seen += piece.length;
      sum = crc32(piece, sum);
      if (seen > bytes) done(malformed(file, `${name} is longer than declared`));
      else done(null, piece);
    },
    flush: (done) => {
      done(
        seen === bytes && sum === crc ? null : malformed(file, `${name} has another length or checksum than declared`),
      );
    },
  });
}

function malformed(file: RandomAccessFile, problem: string, cause?: unknown): FormatError {
  return new FormatError(problem, { where: file.path, ...(cause === undefined ? {} : { cause }) });
}
