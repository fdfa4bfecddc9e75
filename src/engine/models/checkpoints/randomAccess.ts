/** A file that is read in pieces, never whole. Owns the mapping of file-system refusals to errors that a user
 *  understands. */
import { open } from 'node:fs/promises';
import { ConfigError, EnvironmentError, FormatError, GadflyError } from '../../../base/errors.js';

export interface RandomAccessFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Reads exactly `length` bytes from `position` on.
   *  @throws FormatError when the file ends before that; EnvironmentError when the disk refuses */
  readonly read: (position: number, length: number) => Promise<Uint8Array>;
  readonly close: () => Promise<void>;
}

/** One read of the operating system: more than this is split. */
const pieceBytes = 1 << 28;

export async function openRandomAccess(path: string): Promise<RandomAccessFile> {
  const handle = await open(path, 'r').catch((cause: unknown) => {
    throw fileError(path, 'cannot be opened', cause);
  });
  const size = await handle.stat().then(
    (stat) => stat.size,
    async (cause: unknown) => {
      await handle.close();
      throw fileError(path, 'cannot be examined', cause);
    },
  );
  return {
    path,
    size,
    read: async (position, length) => {
      if (position + length > size) {
        throw new FormatError('the file ends early', {
          where: path,
          expected: `${position + length} bytes or more`,
          got: `${size} bytes`,
          remedy: 'Fetch or copy the file again.',
        });
      }
      const bytes = new Uint8Array(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await handle
          .read(bytes, done, Math.min(pieceBytes, length - done), position + done)
          .catch((cause: unknown) => {
            throw fileError(path, 'cannot be read', cause);
          });
        if (bytesRead === 0) throw new FormatError('the file became shorter while it was read', { where: path });
        done += bytesRead;
      }
      return bytes;
    },
    close: () => handle.close(),
  };
}

/** The error for a refusal of the file system: a missing file is the user's choice of path, the rest is the machine's.
 */
export function fileError(path: string, what: string, cause: unknown): ConfigError | EnvironmentError {
  const code = errorCode(cause);
  if (code === 'ENOENT') {
    return new ConfigError('no such file or directory', { where: path, remedy: 'Check the path.', cause });
  }
  const remedy =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? 'Free disk space, or choose another place.'
      : code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
        ? 'Check the permissions, or choose another place.'
        : 'Check the disk and the path.';
  return new EnvironmentError(code === 'ENOSPC' ? `${what}: the disk is full` : what, {
    where: path,
    got: cause instanceof Error ? cause.message : String(cause),
    remedy,
    cause,
  });
}

/** The code of a refusal by the operating system ('ENOSPC'), or null for any other error. */
export function errorCode(cause: unknown): string | null {
  if (cause instanceof Error && !(cause instanceof GadflyError) && 'code' in cause && typeof cause.code === 'string')
    return cause.code;
  return null;
}
