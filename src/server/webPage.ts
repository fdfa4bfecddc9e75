/** A page of web/, as it was built into dist/web: its document and the files that this names, kept in memory. */
import { existsSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { EnvironmentError } from '../base/errors.js';
import { listFolder } from '../base/files.js';
import { packageRoot } from '../base/packageRoot.js';

export interface WebPage {
  readonly html: string;
  /** By file name. */
  readonly assets: ReadonlyMap<string, { readonly content: string; readonly type: string }>;
}

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};

/** @param name file name without .html
 *  @throws EnvironmentError where the page is not built */
export function readWebPage(name: string): WebPage {
  const folder = join(packageRoot(), 'dist', 'web');
  const path = join(folder, `${name}.html`);
  if (!existsSync(path)) {
    throw new EnvironmentError('the page is not built', {
      where: path,
      remedy: 'Run `npm run build` in the clone, or install gadfly-lm again.',
    });
  }
  const assets = listFolder(join(folder, 'assets')).flatMap((file) => {
    const type = types[extname(file)];
    return type === undefined
      ? []
      : [[file, { content: readFileSync(join(folder, 'assets', file), 'utf8'), type }] as const];
  });
  return { html: readFileSync(path, 'utf8'), assets: new Map(assets) };
}
