/** One writer per run directory: a lock file that names its holder. It appears complete (written aside, then linked), so
 *  a reader never sees half of it. A lock whose process is gone is stale and taken over; one of another machine is
 *  respected. */
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { EnvironmentError } from '../base/errors.js';
import { errorCodeOf, onDisk, temporaryPrefix } from '../base/files.js';

interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** Distinguishes a process from a later one with the same number; null where the system does not tell. */
  readonly processStart: string | null;
  readonly token: string;
}

export interface Lock {
  readonly release: () => void;
}

/** Takes the lock at `path`. @throws EnvironmentError when another living process holds it */
export function takeLock(path: string): Lock {
  const holder: LockHolder = {
    pid: process.pid,
    host: hostname(),
    processStart: processStart(process.pid),
    token: randomUUID(),
  };
  return onDisk(path, () => {
    for (let attempt = 0; attempt < 3; attempt++) {
      if (placeLock(path, holder)) {
        return {
          release: () => {
            releaseLock(path, holder);
          },
        };
      }
      const text = readLock(path);
      if (text === null) continue; // Released between our attempt and our look.
      const other = parseHolder(text);
      if (other !== null && isAlive(other)) throw heldError(path, other);
      setStaleAside(path, text);
    }
    throw new EnvironmentError('several processes want this run directory at once', {
      where: path,
      remedy: 'Try again.',
    });
  });
}

/** Returns whether a living process holds the lock at `path`. */
export function isLocked(path: string): boolean {
  const text = readLock(path);
  const holder = text === null ? null : parseHolder(text);
  return holder !== null && isAlive(holder);
}

function placeLock(path: string, holder: LockHolder): boolean {
  const aside = join(dirname(path), `${temporaryPrefix}${holder.token}-lock`);
  writeFileSync(aside, `${JSON.stringify(holder)}\n`);
  try {
    linkSync(aside, path);
    return true;
  } catch (error) {
    // ENOENT: the holder was just cleaning up temporary files.
    if (errorCodeOf(error) === 'EEXIST' || errorCodeOf(error) === 'ENOENT') return false;
    throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/** Moves a stale lock away. When it turns out to be another, fresh one (two processes clean up at once), it is put
 *  back. */
function setStaleAside(path: string, staleText: string): void {
  const aside = join(dirname(path), `${temporaryPrefix}${randomUUID()}-stale-lock`);
  try {
    renameSync(path, aside);
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return;
    throw error;
  }
  if (readLock(aside) !== staleText) linkSync(aside, path);
  rmSync(aside, { force: true });
}

function releaseLock(path: string, holder: LockHolder): void {
  const text = readLock(path);
  if (text !== null && parseHolder(text)?.token === holder.token) rmSync(path, { force: true });
}

function readLock(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function parseHolder(text: string): LockHolder | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('host' in value) || !('token' in value))
      return null;
    const { pid, host, token } = value;
    if (typeof pid !== 'number' || typeof host !== 'string' || typeof token !== 'string') return null;
    const started = 'processStart' in value && typeof value.processStart === 'string' ? value.processStart : null;
    return { pid, host, token, processStart: started };
  } catch {
    return null; // Not a lock of ours (a crash of the whole machine can leave an empty file): stale.
  }
}

function isAlive(holder: LockHolder): boolean {
  if (holder.host !== hostname()) return true;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (errorCodeOf(error) === 'ESRCH') return false;
  }
  const started = processStart(holder.pid);
  if (started === 'zombie') return false;
  return started === null || holder.processStart === null || started === holder.processStart;
}

/** Start time of a process in clock ticks since boot (Linux); 'zombie' when it has ended but its parent
 *  has not collected it; null elsewhere. */
function processStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses and may hold spaces: count from its end. Start time is field 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? 'zombie' : (fields[19] ?? null);
  } catch {
    return null;
  }
}

function heldError(path: string, { pid, host }: LockHolder): EnvironmentError {
  const here = host === hostname();
  return new EnvironmentError('another process is writing to this run directory', {
    where: dirname(path),
    got: here ? `process ${pid}` : `process ${pid} on ${host}`,
    remedy: here
      ? 'Wait for it or stop it, or choose another folder with --out.'
      : `If it is surely gone, delete ${path}; else choose another folder with --out.`,
  });
}
