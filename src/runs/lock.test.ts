import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EnvironmentError } from '../base/errors.js';
import { takeLock } from './lock.js';

const fresh = (): string => join(mkdtempSync(join(tmpdir(), 'gadfly-lock-')), 'run.lock');
const holder = (pid: number, host = hostname()): string =>
  `${JSON.stringify({ pid, host, processStart: null, token: 'other' })}\n`;
/** The number of a process that has ended. */
const endedPid = (): number => spawnSync(process.execPath, ['-e', '']).pid;

describe('takeLock', () => {
  it('one holder at a time, and the next after it', () => {
    const path = fresh();
    const lock = takeLock(path);
    expect(() => takeLock(path)).toThrow(/another process is writing/);
    lock.release();
    takeLock(path).release();
    expect(existsSync(path)).toBe(false);
  });

  it('a lock of a process that is gone is taken over, also half a lock', () => {
    for (const content of [holder(endedPid()), '', '{"pid":']) {
      const path = fresh();
      writeFileSync(path, content);
      takeLock(path).release();
      expect(readdirSync(join(path, '..'))).toEqual([]);
    }
  });

  it.runIf(process.platform === 'linux')(
    'a new process with the number of the old holder does not keep the lock',
    () => {
      const path = fresh();
      writeFileSync(path, JSON.stringify({ pid: process.pid, host: hostname(), processStart: '1', token: 'other' }));
      takeLock(path).release();
    },
  );

  it('a lock of another machine is respected, with how to remove it', () => {
    const path = fresh();
    writeFileSync(path, holder(1, 'another-machine'));
    expect(() => takeLock(path)).toThrow(EnvironmentError);
    expect(() => takeLock(path)).toThrow(/delete .*run\.lock/);
  });

  it('releasing does not remove a lock that somebody else has taken over', () => {
    const path = fresh();
    const lock = takeLock(path);
    writeFileSync(path, holder(process.pid));
    lock.release();
    expect(existsSync(path)).toBe(true);
  });
});
