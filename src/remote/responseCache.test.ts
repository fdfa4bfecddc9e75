import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { EnvironmentError } from '../base/errors.js';
import { openResponseCache } from './responseCache.js';

const fresh = (): string => mkdtempSync(join(tmpdir(), 'gadfly-cache-'));
const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json'))
    .map((name) => join(folder, name));

it('gives back to a question what was kept for it, byte for byte, also to another process', () => {
  const folder = fresh();
  fc.assert(
    fc.property(fc.string(), fc.string(), (question, body) => {
      openResponseCache(folder).write(question, body);
      expect(openResponseCache(folder).read(question)).toBe(body);
    }),
  );
});

it('has nothing for a question that differs in one character, and the later of two answers', () => {
  const cache = openResponseCache(fresh());
  expect(cache.read('q')).toBeNull();
  cache.write('q', 'first');
  cache.write('q', 'second');
  expect(cache.read('q')).toBe('second');
  expect(cache.read('q ')).toBeNull();
});

it('cut off at any byte or changed in any, a file is as if it were not there', () => {
  const folder = fresh();
  const cache = openResponseCache(folder);
  cache.write('q', '{"text":"hello\\nthere"}');
  const [file = ''] = filesIn(folder);
  const whole = readFileSync(file);
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(file, whole.subarray(0, length));
    expect([length, cache.read('q')]).toEqual([length, null]);
    const changed = Buffer.from(whole);
    changed[length] = (whole[length] ?? 0) ^ 1;
    writeFileSync(file, changed);
    expect([length, cache.read('q')]).toEqual([length, null]);
  }
  writeFileSync(file, whole);
  expect(cache.read('q')).toBe('{"text":"hello\\nthere"}');
});

it('leaves no half-written file where the disk refuses, and says which file it was', () => {
  const folder = join(fresh(), 'file');
  writeFileSync(folder, '');
  expect(() => openResponseCache(folder).write('q', 'body')).toThrow(EnvironmentError);
  expect(() => openResponseCache(folder).write('q', 'body')).toThrow(folder);
});
