/** Fetching over the network: quick to say that a place is out of reach, and a file is only kept when it is the whole
 *  right one. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { EnvironmentError, GadflyError, InterruptedError } from '../../../../base/errors.js';
import { errorCode, fileError } from '../randomAccess.js';

export interface FetchProgress {
  readonly file: string;
  readonly receivedBytes: number;
  readonly totalBytes: number | null;
}
export type OnProgress = (progress: FetchProgress) => void;

/** A wait for the first bytes of an answer. */
export const answerTimeoutMs = 15_000;
/** A wait for the next bytes of a body. */
const stallTimeoutMs = 60_000;
const attempts = 3;
/** Between two attempts, times the number of failures. */
const pauseMs = 200;
/** An attempt that brought so much has not failed. */
const goodPieceBytes = 2 ** 20;

/** fetch that gives up on a server that does not answer.
 *  @param signal breaks off the request, or the reading of its body, once it is aborted
 *  @throws EnvironmentError, saying why, when there is no answer at all; InterruptedError when `signal` is aborted */
export function fetchWithin(timeoutMs: number, signal?: AbortSignal): typeof fetch {
  return async (input, init) => {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), timeoutMs);
    try {
      return await fetch(input, {
        ...init,
        signal: AbortSignal.any([
          controller.signal,
          ...(init?.signal ? [init.signal] : []),
          ...(signal ? [signal] : []),
        ]),
      });
    } catch (cause) {
      requireNotStopped(signal, cause);
      const host = new URL(input instanceof Request ? input.url : input).host;
      throw new EnvironmentError(`${host} cannot be reached`, {
        got: controller.signal.aborted ? `no answer within ${timeoutMs / 1000} s` : reasonOf(cause),
        remedy: 'Check the network connection.',
        cause,
      });
    } finally {
      clearTimeout(timer);
    }
  };
}

function requireNotStopped(signal: AbortSignal | undefined, cause: unknown): void {
  if (signal?.aborted === true) throw new InterruptedError('stopped as asked while a model was fetched', { cause });
}

/** A body and its length where the server says it; only for progress, since the length may be that of a packed form. */
export interface OpenedBody {
  readonly body: ReadableStream<Uint8Array>;
  readonly bytes: number | null;
}

export interface SaveOptions {
  /** For progress and errors. */
  readonly label: string;
  readonly sha256: string | null;
  /** Exact length, when known. */
  readonly bytes: number | null;
  /** Never written beyond this. */
  readonly maxBytes: number;
  readonly onProgress: OnProgress | null;
  /** The bytes at `path` begin the file and are not fetched again; what came is kept when the connection
   *  is cut for good. */
  readonly resumes: boolean;
  /** The signal that breaks off the reading of a body; what came is kept as after a cut connection. */
  readonly signal?: AbortSignal | undefined;
}

/** Writes a body to `path`. Cut connections are tried again a few times, from where they broke off if that can be;
 *  attempts that bring a good piece do not count. What turns out to be another file is removed.
 *  @param openBody called once an attempt, with the number of bytes that are there already
 *  @throws EnvironmentError when the body does not come, is not the expected one, or the disk refuses; what openBody
 *    throws with a status 4xx, as it is; InterruptedError when the signal is aborted */
export async function saveDownload(
  openBody: (from: number) => Promise<OpenedBody>,
  path: string,
  options: SaveOptions,
): Promise<void> {
  if (!options.resumes) await rm(path, { force: true });
  for (let attempt = 1; ; attempt++) {
    const from = await lengthOf(path);
    try {
      await saveOnce(openBody, path, from, options);
      return;
    } catch (cause) {
      // A beginning that another attempt left, or a server that gives the whole for a part: once more, all of it.
      if (cause instanceof WrongFile || !options.resumes) await rm(path, { force: true });
      requireNotStopped(options.signal, cause);
      if (cause instanceof WrongFile && from > 0) continue;
      if (cause instanceof GadflyError || isRefusal(cause)) throw cause;
      // What the file system refuses will be refused again; a cut connection may not be.
      if (errorCode(cause)?.startsWith('E') === true && isFileSystemError(cause))
        throw fileError(path, 'cannot be written', cause);
      if ((await lengthOf(path)) - from >= goodPieceBytes) attempt = 0;
      if (attempt === attempts) {
        const remedy = options.resumes ? 'Try again: it goes on where it broke off.' : 'Try again.';
        throw new EnvironmentError(`the download of ${options.label} broke off`, {
          got: reasonOf(cause),
          remedy,
          cause,
        });
      }
      await new Promise((resolve) => setTimeout(resolve, attempt * pauseMs));
    }
  }
}

/** Thrown when the bytes are not the file that was promised. */
class WrongFile extends EnvironmentError {}

/** The server said no, and will say so again: a status 4xx of the hub's client, but for those that ask to wait. */
function isRefusal(cause: unknown): boolean {
  if (!(cause instanceof Error) || !('statusCode' in cause)) return false;
  const status = Number(cause.statusCode);
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}

async function lengthOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

async function saveOnce(
  openBody: (from: number) => Promise<OpenedBody>,
  path: string,
  from: number,
  options: SaveOptions,
): Promise<void> {
  const { label, sha256, bytes, maxBytes, onProgress } = options;
  const hash = createHash('sha256');
  if (from > 0) for await (const piece of createReadStream(path, { end: from - 1 })) hash.update(piece as Uint8Array); // a stream of bytes
  let received = from;
  if (bytes === null || received < bytes) {
    const opened = await openBody(from);
    const handle = await open(path, 'a');
    const reader = opened.body.getReader();
    try {
      for (;;) {
        const { done, value } = await nextPiece(reader);
        if (done) break;
        received += value.length;
        if (received > maxBytes || (bytes !== null && received > bytes)) {
          throw new WrongFile(`${label} is longer than it may be`, {
            expected: `${bytes ?? maxBytes} bytes`,
            got: 'more',
          });
        }
        hash.update(value);
        for (let at = 0; at < value.length;) at += (await handle.write(value, at)).bytesWritten;
        onProgress?.({ file: label, receivedBytes: received, totalBytes: bytes ?? opened.bytes });
      }
      await handle.sync();
    } finally {
      await reader.cancel().catch(() => undefined);
      await handle.close();
    }
  }
  if (bytes !== null && received < bytes) throw new Error(`${received} of ${bytes} bytes came`);
  const digest = hash.digest('hex');
  if (sha256 !== null && digest !== sha256) {
    throw new WrongFile(`${label} is not the expected file`, {
      expected: `sha256 ${sha256}`,
      got: digest,
      remedy: 'Try again; if it happens again, something on the way changes downloads.',
    });
  }
}

async function nextPiece(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  let timer: NodeJS.Timeout | undefined;
  const stalled = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came for ${stallTimeoutMs / 1000} s`)), stallTimeoutMs);
  });
  try {
    return await Promise.race([reader.read(), stalled]);
  } finally {
    clearTimeout(timer);
  }
}

function isFileSystemError(cause: unknown): boolean {
  return (
    cause instanceof Error &&
    'syscall' in cause &&
    ['open', 'write', 'fsync', 'close', 'mkdir', 'rename'].includes(String(cause.syscall))
  );
}

/** The most telling message of a chain of causes: fetch itself only says "fetch failed". */
export function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause === undefined ? cause.message || cause.name : reasonOf(cause.cause);
}
