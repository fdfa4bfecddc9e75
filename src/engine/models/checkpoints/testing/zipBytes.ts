/** ZIP archives for tests, with whatever is asked for wrong in them. */
import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipFile {
  readonly name: string;
  readonly content: Uint8Array;
  readonly deflate?: boolean;
  /** Claims instead of the truth. */
  readonly claim?: {
    readonly bytes?: number;
    readonly packedBytes?: number;
    readonly crc?: number;
    readonly offset?: number;
    readonly method?: number;
  };
}

/** Changes the record at the archive's end: a comment, and claims instead of the truth. */
export interface ZipEnd {
  readonly comment?: string;
  readonly count?: number;
  readonly length?: number;
  readonly start?: number;
}

export function zipBytes(files: readonly ZipFile[], end: ZipEnd = {}): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const { name, content, deflate = false, claim = {} } of files) {
    const packed = deflate ? deflateRawSync(content) : Buffer.from(content);
    const nameBytes = Buffer.from(name);
    const method = claim.method ?? (deflate ? 8 : 0);
    const sizes = [
      claim.crc ?? crc32(content),
      claim.packedBytes ?? packed.length,
      claim.bytes ?? content.length,
    ] as const;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(method, 8);
    sizes.forEach((value, i) => local.writeUInt32LE(value, 14 + i * 4));
    local.writeUInt16LE(nameBytes.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(method, 10);
    sizes.forEach((value, i) => central.writeUInt32LE(value, 16 + i * 4));
    central.writeUInt16LE(nameBytes.length, 28);
    central.writeUInt32LE(claim.offset ?? offset, 42);
    locals.push(local, nameBytes, packed);
    centrals.push(central, nameBytes);
    offset += local.length + nameBytes.length + packed.length;
  }
  const directory = Buffer.concat(centrals);
  const comment = Buffer.from(end.comment ?? '');
  const record = Buffer.alloc(22);
  record.writeUInt32LE(0x06054b50, 0);
  record.writeUInt16LE(end.count ?? files.length, 8);
  record.writeUInt16LE(end.count ?? files.length, 10);
  record.writeUInt32LE(end.length ?? directory.length, 12);
  record.writeUInt32LE(end.start ?? offset, 16);
  record.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...locals, directory, record, comment]);
}
