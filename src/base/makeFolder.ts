/** Makes a folder and those above it. Node's own `recursive: true` never returns where the system says that an existing
 *  parent is missing, as /proc does for any new name (seen in Node 20.20): the folders are made here one by one. */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { EnvironmentError } from './errors.js';

/** A folder that is there already is fine. @throws EnvironmentError where none can be made; the system's errors
 *  otherwise */
export function makeFolder(path: string): void {
  const missing: string[] = [];
  let existing = resolve(path);
  while (!existsSync(existing) && dirname(existing) !== existing) {
    missing.unshift(existing);
    existing = dirname(existing);
  }
  if (missing.length === 0 && !statSync(existing).isDirectory()) mkdirSync(existing); // Refuses with the system's reason.
  for (const folder of missing) makeOne(folder);
}

/** Returns the first of `wanted`, `wanted`-2, `wanted`-3 … that does not exist. */
export function freeFolder(wanted: string): string {
  for (let i = 1; ; i++) {
    const folder = i === 1 ? wanted : `${wanted}-${i}`;
    if (!existsSync(folder)) return folder;
  }
}

function makeOne(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (code === 'EEXIST' && statSync(folder).isDirectory()) return; // Another process was quicker.
    if (code !== 'ENOENT') throw error;
    throw new EnvironmentError('no folder can be made here', {
      where: folder,
      remedy: 'Choose another folder.',
      cause: error,
    });
  }
}
