/** A ZIP archive in memory: deflated entries with names in UTF-8, and one fixed date, so that the same content gives the
 *  same bytes. docs/decisions/0018-exports.md says why it is written here.
 *  @source APPNOTE.TXT 6.3.10, without the extensions for archives over 4 GB or 65,535 entries */
import { crc32, deflateRawSync } from 'node:zlib';
import { ConfigError } from '../../base/errors.js';

export interface ZipEntry {
  readonly name: string;
  readonly text: string;
}

const maxEntries = 65_534;
const maxBytes = 0xffff_fffe;
/** 1 January 1980, the first day that the format knows. */
const date = 0x21;
/** Version 2.0 (deflate), names in UTF-8, deflate, time, date. */
const common = (): readonly number[] => [20, 0x0800, 8, 0, date];

/** @throws ConfigError for more than the format holds */
export function zip(entries: readonly ZipEntry[]): Uint8Array {
  if (entries.length > maxEntries) throw tooLarge(`${String(entries.length)} entries`);
  const chunks: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, text } of entries) {
    const [nameBytes, content] = [Buffer.from(name, 'utf8'), Buffer.from(text, 'utf8')];
    const packed = deflateRawSync(content);
    const sizes = [crc32(content), packed.length, content.length];
    const local = fields([
      ['u32', [0x0403_4b50]],
      ['u16', common()],
      ['u32', sizes],
      ['u16', [nameBytes.length, 0]],
    ]);
    directory.push(
      fields([
        ['u32', [0x0201_4b50]],
        ['u16', [20, ...common()]],
        ['u32', sizes],
        // Lengths of name, extra field and comment; disk; inner attributes.
        ['u16', [nameBytes.length, 0, 0, 0, 0]],
        ['u32', [0, offset]],
      ]),
      nameBytes,
    );
    chunks.push(local, nameBytes, packed);
    offset += local.length + nameBytes.length + packed.length;
    if (offset > maxBytes) throw tooLarge(`over ${String(maxBytes)} bytes`);
  }
  const listing = Buffer.concat(directory);
  const end = fields([
    ['u32', [0x0605_4b50]],
    ['u16', [0, 0, entries.length, entries.length]],
    ['u32', [listing.length, offset]],
    ['u16', [0]],
  ]);
  return new Uint8Array(Buffer.concat([...chunks, listing, end]));
}

/** Writes groups of little-endian numbers. */
function fields(groups: readonly (readonly ['u16' | 'u32', readonly number[]])[]): Buffer {
  return Buffer.concat(
    groups.flatMap(([size, values]) =>
      values.map((value) => {
        const bytes = Buffer.alloc(size === 'u16' ? 2 : 4);
        if (size === 'u16') bytes.writeUInt16LE(value);
        else bytes.writeUInt32LE(value);
        return bytes;
      }),
    ),
  );
}

function tooLarge(got: string): ConfigError {
  return new ConfigError('this evaluation is too large for one archive', {
    where: '--format',
    got,
    remedy: 'Export it as parquet, or evaluate fewer prompts.',
  });
}
