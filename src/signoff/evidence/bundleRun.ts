/** Makes a bundle of a run. */
import { ConfigError } from '../../base/errors.js';
import { openRun } from '../../runs/openRun.js';
import { writeBundle } from './bundleArchive.js';
import { digestOf, indexBytes, indexRun } from './bundleIndex.js';
import { fingerprintOf, keyOf, signBytes } from './signature.js';

export interface BundleOptions {
  readonly out: string;
  /** File of the private key; null for a bundle without a signature. */
  readonly keyFile: string | null;
  /** Whether models and judges that the run has trained are in it, not their hashes alone. */
  readonly keepModels: boolean;
}

export interface Bundled {
  /** SHA-256 of the index, and so of all: tell it to whom the bundle goes by another way. */
  readonly digest: string;
  /** Number of files of the run that the bundle holds. */
  readonly files: number;
  /** Number of files of which it holds the hash alone. */
  readonly hashedOnly: number;
  /** Fingerprint of the key; null without a signature. */
  readonly signedBy: string | null;
}

/** @throws ConfigError for a folder without a run, a run that is not done or has no report, and a key that is none */
export function bundleRun(folder: string, { out, keyFile, keepModels }: BundleOptions): Bundled {
  const { path, manifest, report } = openRun(folder);
  if (manifest.status !== 'done')
    throw new ConfigError('this run is not done', {
      where: folder,
      got: manifest.status,
      remedy: `Continue it with \`gadfly run --resume ${folder}\`.`,
    });
  if (report === null)
    throw new ConfigError('this run has no report, so there is nothing to show', {
      where: folder,
      remedy: 'Run a recipe with a stage evaluate.',
    });
  const index = indexRun(path, manifest, keepModels);
  const bytes = indexBytes(index);
  const signature = keyFile === null ? null : signBytes(bytes, keyFile);
  writeBundle(out, { folder: path, manifest }, index, signature);
  const key = signature === null ? null : keyOf(signature);
  const kept = Object.values(index.files).filter((file) => file.kept).length;
  return {
    digest: digestOf(bytes),
    files: kept,
    hashedOnly: Object.keys(index.files).length - kept,
    signedBy: key === null ? null : fingerprintOf(key),
  };
}
