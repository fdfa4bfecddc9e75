/** A directory that appears whole or not at all: written beside its place under another name, flushed to disk, then
 *  renamed. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ConfigError, EnvironmentError } from '../../../base/errors.js';
import { makeFolder } from '../../../base/makeFolder.js';
import { errorCode, fileError } from './randomAccess.js';

export interface AtomicDirectoryOptions {
  /** Whether what is at `path` now may be replaced, given the names in it; an empty directory always may. */
  readonly mayReplace: (names: readonly string[]) => boolean;
  /** Writes the content into the temporary directory. */
  readonly fill: (temporary: string) => Promise<void>;
}

/** @throws ConfigError when something else is at `path`; EnvironmentError when the disk refuses. `path` is then as it
 *    was. */
export async function writeDirectoryAtomically(
  path: string,
  { mayReplace, fill }: AtomicDirectoryOptions,
): Promise<void> {
  const target = resolve(path);
  const parent = dirname(target);
  await refuseForeignContent(target, mayReplace);
  let temporary: string | null = null;
  try {
    makeFolder(parent);
    // Not mkdtemp: its directories are closed to other users, and this one is to stay.
    const name = join(parent, `.${basename(target)}.partial-${randomUUID().slice(0, 8)}`);
    await mkdir(name);
    temporary = name;
    await fill(temporary);
    await flushDirectory(temporary);
    await moveIntoPlace(temporary, target);
    temporary = null;
    await flushDirectory(parent);
  } catch (cause) {
    throw errorCode(cause) === null ? cause : writeError(target, cause);
  } finally {
    if (temporary !== null) await rm(temporary, { recursive: true, force: true });
  }
}

async function refuseForeignContent(target: string, mayReplace: (names: readonly string[]) => boolean): Promise<void> {
  const names = await readdir(target).catch((cause: unknown) => {
    if (errorCode(cause) === 'ENOENT') return [];
    throw writeError(target, cause);
  });
  if (names.length > 0 && !mayReplace(names)) {
    throw new ConfigError('the directory holds something else, which would be lost', {
      where: target,
      expected: 'no directory, an empty one, or an earlier model',
      got: names.slice(0, 8).join(', '),
      remedy: 'Choose another directory, or empty this one.',
    });
  }
}

async function moveIntoPlace(temporary: string, target: string): Promise<void> {
  const former = `${temporary}-former`;
  const hadFormer = await rename(target, former).then(
    () => true,
    (cause: unknown) => {
      if (errorCode(cause) === 'ENOENT') return false;
      throw cause;
    },
  );
  try {
    await rename(temporary, target);
  } catch (cause) {
    if (hadFormer) await rename(former, target);
    throw cause;
  }
  if (hadFormer) await rm(former, { recursive: true, force: true });
}

/** Makes the names in a directory durable; not every system allows it, and then there is nothing to do. */
async function flushDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(() => null);
  if (handle === null) return;
  await handle.sync().catch(() => undefined);
  await handle.close();
}

/** Also ENOENT is the machine's doing here: what we had just made was gone. */
function writeError(path: string, cause: unknown): EnvironmentError {
  const error = fileError(path, 'cannot be written', cause);
  return error instanceof EnvironmentError
    ? error
    : new EnvironmentError('cannot be written: its folder is gone, or can hold no new one', {
        where: path,
        remedy: 'Choose another place.',
        cause,
      });
}
