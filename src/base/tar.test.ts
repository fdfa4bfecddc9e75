import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FormatError } from './errors.js';
import { packTar, unpackTar } from './tar.js';

const files = [
  { name: 'adapter_config.json', bytes: new TextEncoder().encode('{"r": 2}') },
  { name: 'adapter_model.safetensors', bytes: Uint8Array.from({ length: 1300 }, (_, i) => i % 251) },
  { name: 'empty', bytes: new Uint8Array() },
];
const shown = (list: typeof files | ReturnType<typeof unpackTar>) =>
  list.map(({ name, bytes }) => [name, Buffer.from(bytes).toString('hex')]);

describe('a tar archive', () => {
  it('gives back what was put into it', () => {
    expect(shown(unpackTar(packTar(files), 'x'))).toEqual(shown(files));
  });

  it('is read by tar, and tar’s own is read here, long names and folders too', () => {
    const folder = mkdtempSync(join(tmpdir(), 'gadfly-tar-'));
    writeFileSync(join(folder, 'a.tar'), packTar(files));
    execFileSync('tar', ['xf', 'a.tar'], { cwd: folder });
    for (const { name, bytes } of files) expect(readFileSync(join(folder, name)).equals(bytes)).toBe(true);
    const long = `${'n'.repeat(120)}.json`;
    writeFileSync(join(folder, long), 'long');
    for (const format of ['gnu', 'posix', 'ustar']) {
      const names = ['empty', ...(format === 'ustar' ? [] : [long])];
      const made = execFileSync('tar', [`--format=${format}`, '-cf', '-', '-C', folder, ...names]);
      expect(unpackTar(made, 'x').map(({ name }) => name)).toEqual(names);
    }
    expect(unpackTar(execFileSync('tar', ['-cf', '-', '-C', tmpdir(), '--no-recursion', '.']), 'x')).toEqual([]);
  });

  it('is refused when cut off, and when it is something else', () => {
    expect(() => unpackTar(packTar(files).subarray(0, 1500), 'x')).toThrow(FormatError);
    expect(() => unpackTar(new Uint8Array(600).fill(65), 'x')).toThrow(/no tar archive/);
  });

  it('of a stranger is refused when an entry is no regular file, or claims a negative size', () => {
    const link = changed((bytes) => (bytes[156] = 0x32));
    expect(() => unpackTar(link, 'x', 'files')).toThrow(/something else than files[^]*kind "2"/);
    expect(unpackTar(link, 'x').map(({ name }) => name)).toEqual(['adapter_model.safetensors', 'empty']);
    expect(() =>
      unpackTar(
        changed((bytes) => bytes.set(Buffer.from('-0000001000\0'), 124)),
        'x',
      ),
    ).toThrow(/8 GiB/);
  });
});

/** The archive with its first header changed, and the checksum of that header made anew. */
function changed(change: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = packTar(files).slice();
  change(bytes);
  bytes.fill(0x20, 148, 156);
  const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  bytes.set(Buffer.from(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  return bytes;
}
