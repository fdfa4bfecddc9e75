/** Root of this package on disk: the nearest folder above this file that holds a package.json. The same from src/
 *  (tests, tsx) and from dist/src/ (installed). */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EnvironmentError } from './errors.js';

export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) {
      throw new EnvironmentError('This installation has no package.json above its code', {
        where: import.meta.url,
        remedy: 'Install gadfly-lm again.',
      });
    }
    folder = parent;
  }
  return folder;
}

/** The path of a file that the package ships in assets/. */
export function assetPath(...parts: readonly string[]): string {
  return join(packageRoot(), 'assets', ...parts);
}
