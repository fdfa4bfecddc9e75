/** Fetching over the network: quick to say that a place is out of reach, and a file is only kept when it is the whole right one. */
import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { EnvironmentError, GadflyError } from '../../../../base/errors.js';
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

/** fetch that gives up on a server that does not answer.
 *  @throws EnvironmentError, saying why, when there is no answer at all */
export function fetchWithin(timeoutMs: number): typeof fetch {
  return async (input, init) => {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), timeoutMs);
    try {
      return await fetch(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, controller.signal]) : controller.signal });
    } catch (cause) {
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
}

/** Writes a body to `path`, which does not exist before and, after an error, not afterwards. Cut connections are tried again, from
 *  the start, a few times.
 *  @param openBody called once an attempt
 *  @throws EnvironmentError when the body does not come, is not the expected one, or the disk refuses */
export async function saveDownload(openBody: () => Promise<OpenedBody>, path: string, options: SaveOptions): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await saveOnce(await openBody(), path, options);
      return;
    } catch (cause) {
      await rm(path, { force: true });
      if (cause instanceof GadflyError) throw cause;
      // What the file system refuses will be refused again; a cut connection may not be.
      if (errorCode(cause)?.startsWith('E') === true && isFileSystemError(cause)) throw fileError(path, 'cannot be written', cause);
      if (attempt === attempts) {
        throw new EnvironmentError(`the download of ${options.label} broke off`, { got: reasonOf(cause), remedy: 'Try again.', cause });
      }
    }
  }
}

async function saveOnce(opened: OpenedBody, path: string, { label, sha256, bytes, maxBytes, onProgress }: SaveOptions): Promise<void> {
  const hash = createHash('sha256');
  const handle = await open(path, 'wx');
  const reader = opened.body.getReader();
  let received = 0;
  try {
    for (;;) {
      const { done, value } = await nextPiece(reader);
      if (done) break;
      received += value.length;
      if (received > maxBytes || (bytes !== null && received > bytes)) {
        throw new EnvironmentError(`${label} is longer than it may be`, { expected: `${bytes ?? maxBytes} bytes`, got: 'more' });
      }
      hash.update(value);
      for (let at = 0; at < value.length; ) at += (await handle.write(value, at)).bytesWritten;
      onProgress?.({ file: label, receivedBytes: received, totalBytes: bytes ?? opened.bytes });
    }
    if (bytes !== null && received !== bytes) throw new Error(`${received} of ${bytes} bytes came`);
    const digest = hash.digest('hex');
    if (sha256 !== null && digest !== sha256) {
      throw new EnvironmentError(`${label} is not the expected file`, {
        expected: `sha256 ${sha256}`,
        got: digest,
        remedy: 'Try again; if it happens again, something on the way changes downloads.',
      });
    }
    await handle.sync();
  } finally {
    await reader.cancel().catch(() => undefined);
    await handle.close();
  }
}

async function nextPiece(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<ReadableStreamReadResult<Uint8Array>> {
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
  return cause instanceof Error && 'syscall' in cause && ['open', 'write', 'fsync', 'close', 'mkdir', 'rename'].includes(String(cause.syscall));
}

/** The most telling message of a chain of causes: fetch itself only says "fetch failed". */
export function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause === undefined ? cause.message || cause.name : reasonOf(cause.cause);
}
