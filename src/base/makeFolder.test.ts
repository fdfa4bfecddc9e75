import { existsSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EnvironmentError } from './errors.js';
import { makeFolder } from './makeFolder.js';

describe('makeFolder', () => {
  const root = mkdtempSync(join(tmpdir(), 'gadfly-folder-'));

  it('makes the folders above, and is content with one that is there', () => {
    const path = join(root, 'a', 'b', 'c');
    makeFolder(path);
    makeFolder(path);
    expect(statSync(path).isDirectory()).toBe(true);
  });

  it('refuses a path that is a file, or leads through one', () => {
    const file = join(root, 'file');
    writeFileSync(file, '');
    expect(() => {
      makeFolder(file);
    }).toThrow(/EEXIST/);
    expect(() => {
      makeFolder(join(file, 'below'));
    }).toThrow(/ENOTDIR/);
  });

  it.skipIf(!existsSync('/proc/self'))('gives up where the file system has no new folders, at once', () => {
    expect(() => {
      makeFolder('/proc/gadfly/run');
    }).toThrow(EnvironmentError);
    expect(() => {
      makeFolder('/proc/gadfly/run');
    }).toThrow(/^\/proc\/gadfly: no folder can be made here/);
  });
});
