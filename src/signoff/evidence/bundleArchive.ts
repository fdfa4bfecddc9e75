/** A bundle as one file: a gzipped tar of the index, its signature, and the files that it keeps. A bundle to be read may
 *  come from a stranger: nothing outside a fresh folder is written, and nothing is unpacked without bound. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { ConfigError, FormatError } from '../../base/errors.js';
import { onDisk, writeFileAtomic } from '../../base/files.js';
import { makeFolder } from '../../base/makeFolder.js';
import { type ArchivedFile, packTar, unpackTar } from '../../base/tar.js';
import type { Manifest } from '../../runs/manifest.js';
import { type BundleIndex, indexBytes, indexName, isFileName, readIndexed, signatureName } from './bundleIndex.js';
import type { BundleSignature } from './signature.js';

/** A bundle is read as a whole; larger ones are not written either. */
const mostBytes = 2 ** 31 - 2 ** 16;

/** Records compress to a tenth; what grows further than this is no bundle. */
const mostGrowth = 200;
const alwaysAllowedBytes = 2 ** 24;

/** Writes a bundle. @throws ConfigError where it would be larger than a bundle can be; EnvironmentError */
export function writeBundle(
  out: string,
  run: { readonly folder: string; readonly manifest: Manifest },
  index: BundleIndex,
  signature: BundleSignature | null,
): void {
  const kept = Object.entries(index.files).filter(([, file]) => file.kept);
  const bytes = kept.reduce((sum, [, file]) => sum + file.bytes, 0);
  if (bytes > mostBytes)
    throw new ConfigError('this is too much for one bundle', {
      where: run.folder,
      expected: `at most ${mostBytes.toLocaleString('en')} bytes`,
      got: `${bytes.toLocaleString('en')} bytes`,
      remedy: 'Leave --with-models out: a bundle holds the hashes of models in any case.',
    });
  makeFolder(dirname(out));
  writeFileAtomic(
    out,
    packBundle(
      index,
      signature,
      kept.map(([name]) => ({ name, bytes: readIndexed(run.folder, run.manifest, name) })),
    ),
  );
}

function packBundle(index: BundleIndex, signature: BundleSignature | null, files: readonly ArchivedFile[]): Uint8Array {
  const signed =
    signature === null
      ? []
      : [{ name: signatureName, bytes: new TextEncoder().encode(`${JSON.stringify(signature, null, 1)}\n`) }];
  return gzipSync(packTar([{ name: indexName, bytes: indexBytes(index) }, ...signed, ...files]));
}

/** A bundle in a folder of its own. */
export interface UnpackedBundle {
  readonly folder: string;
  /** Names of all its files. */
  readonly names: readonly string[];
  readonly remove: () => void;
}

/** Unpacks a bundle into a fresh folder, which the caller removes.
 *  @throws FormatError for what is no bundle: names that leave the folder, links, names that occur twice, a file that grows
 *    without bound */
export function unpackBundle(path: string): UnpackedBundle {
  const files = unpackTar(inflate(path), path, 'files');
  const names = files.map(({ name }) => name);
  for (const [i, name] of names.entries()) {
    if (!isFileName(name))
      throw new FormatError('this archive holds a name that no bundle has', {
        where: path,
        expected: 'relative names of letters, digits, dot, dash, underscore',
        got: JSON.stringify(name),
      });
    if (names.indexOf(name) < i) throw new FormatError('this archive holds a file twice', { where: path, got: name });
  }
  const folder = onDisk(tmpdir(), () => mkdtempSync(join(tmpdir(), 'gadfly-bundle-')));
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    onDisk(folder, () => {
      for (const { name, bytes } of files) {
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        writeFileSync(join(folder, name), bytes, { flag: 'wx' });
      }
    });
  } catch (error) {
    remove();
    throw error;
  }
  return { folder, names, remove };
}

function inflate(path: string): Uint8Array {
  const packed = onDisk(path, () => readFileSync(path));
  const most = Math.min(mostBytes + 2 ** 15, Math.max(alwaysAllowedBytes, mostGrowth * packed.length));
  try {
    return gunzipSync(packed, { maxOutputLength: most });
  } catch (cause) {
    const isTooLarge = cause instanceof RangeError;
    throw new FormatError(isTooLarge ? 'this file grows further than a bundle does' : 'this is no bundle', {
      where: path,
      expected: isTooLarge
        ? `at most ${most.toLocaleString('en')} bytes`
        : 'a gzipped tar, as `gadfly bundle` writes it',
      cause,
    });
  }
}
