/** `bundle.json`, the index of a bundle: every file of a run with its SHA-256, those that the bundle does not hold too.
 *  Its own SHA-256 is the digest of the evidence, which covers every byte. It names no time and no
 *  place, so that the same run gives the same digest again. */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import { FormatError } from '../../base/errors.js';
import { listFolder, onDisk } from '../../base/files.js';
import { readAs, requireVersion } from '../../base/readAs.js';
import type { Manifest } from '../../runs/manifest.js';

/** The version of the form that this code writes and reads. */
const indexVersion = 1;
export const indexName = 'bundle.json';
export const signatureName = 'signature.json';
export const recipeName = 'recipe.yaml';

/** Folders whose files are hashed, and kept only when that is asked for: weights are large, and not every reader may have
 *  them. */
const modelFolders = ['models', 'judges'];

/** A name of a file in a bundle: words joined by slashes, none of which begins with a dot. */
const fileName = /^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;

export function isFileName(name: string): boolean {
  return fileName.test(name);
}

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const indexSchema = z.object({
  schema: z.literal(indexVersion),
  gadfly: z.string(),
  run: z.object({ name: z.string(), seed: z.number() }),
  files: z.record(
    z.string().regex(fileName),
    z.object({
      sha256,
      bytes: z.int().min(0),
      /** False for a file that the bundle does not hold. */
      kept: z.boolean(),
    }),
  ),
});

export type BundleIndex = z.infer<typeof indexSchema>;

/** @throws FormatError */
export function parseIndex(bytes: Uint8Array, where: string): BundleIndex {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new FormatError('not valid JSON', { where, cause });
  }
  requireVersion(value, indexVersion, 'bundle', where);
  return readAs(indexSchema, value, where);
}

export function indexBytes(index: BundleIndex): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(index, null, 1)}\n`);
}

/** Returns the SHA-256 of bytes, as 64 hexadecimal digits. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The recipe of a run as YAML that `gadfly run` reads: every default written out. */
export function recipeText({ configuration }: Pick<Manifest, 'configuration'>): string {
  return stringify(configuration);
}

/** Makes the index of a run directory.
 *  @param keepModels whether the bundle holds weights
 *  @throws FormatError for a file whose name a bundle cannot hold */
export function indexRun(folder: string, manifest: Manifest, keepModels: boolean): BundleIndex {
  const recipe = new TextEncoder().encode(recipeText(manifest));
  const files = [
    ...recordFiles(folder, manifest).map((name) => ({ name, kept: true })),
    ...modelFolders.flatMap((name) => filesBelow(folder, name)).map((name) => ({ name, kept: keepModels })),
  ].map(({ name, kept }) => [name, { ...hashFile(join(folder, name)), kept }] as const);
  const all = [[recipeName, { sha256: digestOf(recipe), bytes: recipe.length, kept: true }] as const, ...files];
  for (const [name] of all)
    if (!isFileName(name))
      throw new FormatError('a bundle cannot hold a file of this name', {
        where: join(folder, name),
        expected: 'letters, digits, dot, dash, underscore',
      });
  return {
    schema: indexVersion,
    gadfly: manifest.versions['gadfly'] ?? 'unknown',
    run: { name: manifest.name, seed: manifest.seed },
    files: Object.fromEntries([...all].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/** Files of a run that are its evidence: manifest, reports, logs, and what people have labelled. */
function recordFiles(folder: string, { logs }: Pick<Manifest, 'logs'>): readonly string[] {
  const names = ['manifest.json', 'report.json', 'report.html', ...logs.map((log) => `${log}.jsonl`), 'labels.jsonl'];
  return [...new Set(names)].filter((name) => existsSync(join(folder, name)));
}

function filesBelow(folder: string, name: string): readonly string[] {
  return listFolder(join(folder, name))
    .filter((each) => !each.startsWith('.'))
    .map((each) => `${name}/${each}`)
    .flatMap((each) => (statSync(join(folder, each)).isDirectory() ? filesBelow(folder, each) : [each]));
}

/** Returns the hash and size of a file, read in pieces. @throws EnvironmentError */
export function hashFile(path: string): { readonly sha256: string; readonly bytes: number } {
  return onDisk(path, () => {
    const hash = createHash('sha256');
    const fd = openSync(path, 'r');
    try {
      const piece = Buffer.alloc(1 << 20);
      let bytes = 0;
      for (;;) {
        const count = readSync(fd, piece, 0, piece.length, bytes);
        if (count === 0) return { sha256: hash.digest('hex'), bytes };
        hash.update(piece.subarray(0, count));
        bytes += count;
      }
    } finally {
      closeSync(fd);
    }
  });
}

/** Reads a file that an index of a run names. */
export function readIndexed(folder: string, manifest: Manifest, name: string): Uint8Array {
  return name === recipeName
    ? new TextEncoder().encode(recipeText(manifest))
    : onDisk(join(folder, name), () => readFileSync(join(folder, name)));
}
