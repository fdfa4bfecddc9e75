/** The models that the package ships in assets/, found from this file's place, in the sources as in the build. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError, EnvironmentError } from '../../../../base/errors.js';

const packageName = 'gadfly-lm';

/** @param name null for the target, 'judge' … for the others
 *  @throws ConfigError, with the names there are, when there is no such model */
export function organismPath(name: string | null): string {
  const assets = join(findPackageRoot(dirname(fileURLToPath(import.meta.url))), 'assets');
  const path = join(assets, name === null ? 'organism' : `organism-${name}`);
  if (existsSync(join(path, 'config.json'))) return path;
  const shipped = existsSync(assets) ? readdirSync(assets).filter((entry) => /^organism(-|$)/.test(entry)) : [];
  throw new ConfigError(`the package ships no model ${name === null ? 'organism' : `organism:${name}`}`, {
    where: assets,
    expected: shipped.map((entry) => entry.replace('-', ':')).join(', ') || 'none is there',
    remedy:
      shipped.length > 0
        ? 'Name one of these, or a model of your own: ./dir, ./file.gguf, hf:org/name.'
        : 'Reinstall the package; in a clone, `npm run organism:train` makes them.',
  });
}

/** The nearest directory upward that holds this package's package.json. */
export function findPackageRoot(from: string): string {
  for (let directory = from; ;) {
    const manifest = join(directory, 'package.json');
    if (existsSync(manifest)) {
      const { name } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly name?: unknown };
      if (name === packageName) return directory;
    }
    const parent = dirname(directory);
    if (parent === directory)
      throw new EnvironmentError('the package is not where it was installed', { where: from, remedy: 'Reinstall it.' });
    directory = parent;
  }
}
