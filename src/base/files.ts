/** Writing files so that a reader sees the old content or the new one, never half of it, also after a crash: temporary
 *  name in the same folder, fsync, rename, fsync of the folder. Failures of the disk become EnvironmentError. */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { EnvironmentError, GadflyError } from './errors.js';
import { makeFolder } from './makeFolder.js';

/** Names that begin like this are unfinished work of a writer that died; they are removed when a run is opened for
 *  writing. */
export const temporaryPrefix = '.tmp-';

/** The operating system's refusals in words for a user. */
const refusals: Readonly<Record<string, { readonly what: string; readonly remedy: string }>> = {
  ENOSPC: { what: 'the disk is full', remedy: 'Free some space, then continue with `gadfly run --resume DIR`.' },
  EDQUOT: {
    what: 'the disk quota is used up',
    remedy: 'Free some space, then continue with `gadfly run --resume DIR`.',
  },
  EACCES: {
    what: 'no permission to write here',
    remedy: 'Choose another folder with --out, or change the permissions of this one.',
  },
  EPERM: {
    what: 'no permission to write here',
    remedy: 'Choose another folder with --out, or change the permissions of this one.',
  },
  EROFS: { what: 'the file system is read-only', remedy: 'Choose a folder on another file system with --out.' },
  ENOTDIR: { what: 'a part of this path is a file, not a folder', remedy: 'Choose another folder with --out.' },
  EMFILE: { what: 'too many open files', remedy: 'Raise the limit (`ulimit -n`).' },
};

/** Runs `action`; a refusal of the operating system comes out as EnvironmentError naming `path`. */
export function onDisk<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw diskError(path, error);
  }
}

/** The same for an asynchronous action. */
export async function onDiskAsync<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw diskError(path, error);
  }
}

export function errorCodeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

function diskError(path: string, error: unknown): Error {
  if (error instanceof GadflyError) return error;
  const code = errorCodeOf(error);
  const refusal = code === null ? undefined : refusals[code];
  if (refusal !== undefined)
    return new EnvironmentError(refusal.what, { where: path, remedy: refusal.remedy, cause: error });
  if (code !== null && /^E[A-Z0-9]+$/.test(code))
    return new EnvironmentError(`the file system refused (${code})`, { where: path, cause: error });
  return error instanceof Error ? error : new Error(String(error));
}

/** Replaces `path` by `content` atomically and durably. @throws EnvironmentError */
export function writeFileAtomic(path: string, content: string | Uint8Array): void {
  onDisk(path, () => {
    const temporary = join(dirname(path), `${temporaryPrefix}${randomUUID()}-${basename(path)}`);
    try {
      const fd = openSync(temporary, 'wx');
      try {
        writeFileSync(fd, content);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    syncFolder(dirname(path));
  });
}

/** Lets `write` fill a new folder and moves it to `path` when all of it is on the disk. A folder already there is
 *  replaced.
 *  @throws EnvironmentError, and whatever `write` throws; nothing is left behind then */
export async function writeFolderAtomic(
  path: string,
  write: (temporaryFolder: string) => Promise<void>,
): Promise<void> {
  await onDiskAsync(path, async () => {
    const parent = dirname(path);
    makeFolder(parent);
    const temporary = join(parent, `${temporaryPrefix}${randomUUID()}-${basename(path)}`);
    mkdirSync(temporary);
    try {
      await write(temporary);
      syncTree(temporary);
      rmSync(path, { recursive: true, force: true });
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { recursive: true, force: true });
      throw error;
    }
    syncFolder(parent);
  });
}

/** Removes what interrupted writers left in `folder`. */
export function removeTemporaries(folder: string): void {
  onDisk(folder, () => {
    for (const name of listFolder(folder))
      if (name.startsWith(temporaryPrefix)) rmSync(join(folder, name), { recursive: true, force: true });
  });
}

/** Names in a folder, sorted; none when the folder does not exist. */
export function listFolder(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT' || errorCodeOf(error) === 'ENOTDIR') return [];
    throw error;
  }
}

function syncTree(path: string): void {
  if (statSync(path).isDirectory()) {
    for (const name of readdirSync(path)) syncTree(join(path, name));
    syncFolder(path);
  } else {
    const fd = openSync(path, 'r+');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}

/** Makes a rename durable. Platforms that cannot sync a folder (Windows) order renames themselves. */
export function syncFolder(folder: string): void {
  let fd: number;
  try {
    fd = openSync(folder, 'r');
  } catch {
    return;
  }
  try {
    fsyncSync(fd);
  } catch (error) {
    const code = errorCodeOf(error);
    if (code !== 'EPERM' && code !== 'EINVAL' && code !== 'EISDIR' && code !== 'ENOTSUP') throw error;
  } finally {
    closeSync(fd);
  }
}
