/** Reads a ZIP archive by the listing at its end, and checks what it finds on the way. */
import { crc32, inflateRawSync } from 'node:zlib';
import { invariant } from '../../base/invariant.js';

/** Returns the entries as the listing at the end of an archive names them. */
export function unzip(archive: Uint8Array): Readonly<Record<string, string>> {
  const bytes = Buffer.from(archive);
  const end = bytes.length - 22;
  invariant(bytes.readUInt32LE(end) === 0x0605_4b50, 'an archive ends with its summary');
  const entries: Record<string, string> = {};
  let at = bytes.readUInt32LE(end + 16);
  for (let i = 0; i < bytes.readUInt16LE(end + 10); i++) {
    invariant(bytes.readUInt32LE(at) === 0x0201_4b50, 'a listing is of entries');
    const [checksum, packed, size] = [16, 20, 24].map((offset) => bytes.readUInt32LE(at + offset));
    const length = bytes.readUInt16LE(at + 28);
    const local = bytes.readUInt32LE(at + 42);
    const name = bytes.toString('utf8', at + 46, at + 46 + length);
    invariant(bytes.toString('utf8', local + 30, local + 30 + length) === name, 'an entry is where the listing says');
    const start = local + 30 + length;
    const content = inflateRawSync(bytes.subarray(start, start + (packed ?? 0)));
    invariant(content.length === size && crc32(content) === checksum, 'an entry is whole');
    entries[name] = content.toString('utf8');
    at += 46 + length;
  }
  invariant(at === end, 'the listing is as long as it has entries');
  return entries;
}
