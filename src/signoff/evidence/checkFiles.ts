/** Holds the files of a bundle against its index, and the index against the manifest. */
import type { Manifest } from '../../runs/manifest.js';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { type BundleIndex, hashFile, indexName, recipeName, recipeText, signatureName } from './bundleIndex.js';
import type { Findings } from './problem.js';

/** @param names of all files that the bundle holds */
export function checkFiles(folder: string, names: readonly string[], index: BundleIndex, findings: Findings): void {
  const held = new Set(names);
  for (const [name, { sha256, bytes, kept }] of Object.entries(index.files)) {
    if (!held.has(name)) {
      findings.check(!kept, () => ({ place: name, expected: 'the file', got: 'nothing' }));
      if (!kept) findings.leave(name, 'the bundle holds its hash alone');
      continue;
    }
    const found = hashFile(join(folder, name));
    findings.check(found.bytes === bytes, () => ({ place: `${name}: bytes`, expected: bytes, got: found.bytes }));
    findings.check(found.sha256 === sha256, () => ({
      place: `${name}: sha256`,
      expected: sha256,
      got: found.sha256,
    }));
  }
  for (const name of names) {
    const isKnown = name === indexName || name === signatureName || index.files[name] !== undefined;
    findings.check(isKnown, () => ({ place: name, expected: `a file that ${indexName} names`, got: 'another file' }));
  }
}

/** Holds the index and the recipe of a bundle against its manifest. */
export function checkIndexed(folder: string, index: BundleIndex, manifest: Manifest, findings: Findings): void {
  const facts = [
    ['run.name', manifest.name, index.run.name],
    ['run.seed', manifest.seed, index.run.seed],
    ['gadfly', manifest.versions['gadfly'] ?? 'unknown', index.gadfly],
  ] as const;
  for (const [place, expected, got] of facts)
    findings.check(expected === got, () => ({ place: `${indexName}: ${place}`, expected, got }));
  if (index.files[recipeName]?.kept !== true) {
    findings.check(false, () => ({ place: recipeName, expected: 'the recipe of the run', got: 'nothing' }));
    return;
  }
  const isSame = readFileSync(join(folder, recipeName), 'utf8') === recipeText(manifest);
  findings.check(isSame, () => ({
    place: recipeName,
    expected: 'the configuration of manifest.json',
    got: 'another recipe',
  }));
}
