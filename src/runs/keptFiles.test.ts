import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../base/errors.js';
import { jsonText, readJsonObject } from '../base/json.js';
import { readManifest } from './manifest.js';
import { RunDirectory } from './runDirectory.js';

/** A run with a checkpoint. @returns its folder */
async function interrupted(): Promise<string> {
  const run = RunDirectory.create(join(mkdtempSync(join(tmpdir(), 'gadfly-kept-')), 'run'), {
    name: 'test',
    seed: 0,
    configuration: {},
    source: { file: null, folder: '/' },
    inputs: [],
  });
  run.completeUnit('a', { rows: 1 });
  await run.saveCheckpoint({ step: 1, unit: 'b', score: 2, state: { epoch: 1 }, write: async () => undefined });
  run.close('interrupted');
  return run.path;
}

function change(file: string, changes: Readonly<Record<string, unknown>>): void {
  writeFileSync(file, jsonText({ ...readJsonObject(file), ...changes }));
}

describe.each([
  { name: 'manifest.json', file: 'manifest.json', what: 'run directory' },
  { name: 'checkpoint.json', file: join('checkpoints', 'step-1', 'checkpoint.json'), what: 'checkpoint' },
])('$name', ({ file, what }) => {
  it('of a newer version says so before anything else, with its place and the remedy', async () => {
    const path = join(await interrupted(), file);
    // Also where the newer form has other keys.
    change(path, { schema: 2, status: null, unit: null, completed: {} });
    let error: unknown;
    try {
      RunDirectory.resume(join(path, file === 'manifest.json' ? '..' : '../../..'));
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(FormatError);
    expect(String(error)).toContain(`${path}: this ${what} was written by a newer version of gadfly`);
    expect(error).toMatchObject({
      details: { expected: '"schema": 1', got: '"schema": 2', remedy: 'Update gadfly to read it.' },
    });
  });

  it('without a version is none of gadfly’s', async () => {
    const path = join(await interrupted(), file);
    change(path, { schema: undefined });
    expect(() => RunDirectory.resume(join(path, file === 'manifest.json' ? '..' : '../../..'))).toThrow(
      new RegExp(`this is not a ${what} of gadfly[^]*got: +no "schema"`),
    );
  });
});

describe('readManifest', () => {
  it.each([
    ['status', 'resting'],
    ['completed', [{ unit: 'a', step: 1 }]],
    ['inputs', [{ name: 'x', sha256: 1, bytes: 1 }]],
    ['logs', ['../elsewhere']],
    ['spent', { seconds: 'long' }],
  ])('names the key that is damaged: %s', async (key, value) => {
    const folder = await interrupted();
    change(join(folder, 'manifest.json'), { [key]: value });
    expect(() => readManifest(folder)).toThrow(
      new RegExp(`manifest\\.json: this is not what gadfly writes\\n +expected: .* at ${key}`),
    );
  });

  it('keeps keys that it does not know, through a resume', async () => {
    const folder = await interrupted();
    change(join(folder, 'manifest.json'), { later: { a: 1 } });
    RunDirectory.resume(folder).close('done');
    expect(readManifest(folder)).toMatchObject({ status: 'done', later: { a: 1 } });
  });
});

describe('a checkpoint', () => {
  it('that is damaged is named with its key', async () => {
    const folder = await interrupted();
    change(join(folder, 'checkpoints', 'step-1', 'checkpoint.json'), { positions: { rollouts: null } });
    expect(() => RunDirectory.resume(folder)).toThrow(/checkpoint\.json: [^]*a number at positions\.rollouts/);
  });

  it('of an earlier version, which did not note what was spent, is gone on from', async () => {
    const folder = await interrupted();
    change(join(folder, 'checkpoints', 'step-1', 'checkpoint.json'), { spent: undefined });
    const run = RunDirectory.resume(folder);
    expect(run.latestCheckpoint('b')).toMatchObject({ step: 1, spent: null, state: { epoch: 1 } });
    run.close('interrupted');
  });
});
