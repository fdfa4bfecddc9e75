import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../base/errors.js';
import { jsonText, readJsonObject } from '../base/json.js';
import { openRun } from './openRun.js';
import { readAllRecords } from './recordLog.js';
import type { RunDescription } from './runDescription.js';
import { RunDirectory } from './runDirectory.js';

const description: RunDescription = {
  name: 'test',
  seed: 0,
  configuration: { name: 'test' },
  source: { file: null, folder: '/' },
  inputs: [],
};
const fresh = (): string => join(mkdtempSync(join(tmpdir(), 'gadfly-logs-')), 'run');

/** Three logs that every run has, and one that nothing knows beforehand. */
const names = ['rollouts', 'pairs', 'metrics', 'tries'] as const;
type Act =
  | { readonly kind: 'append'; readonly log: (typeof names)[number]; readonly texts: readonly string[] }
  | { readonly kind: 'checkpoint' }
  | { readonly kind: 'complete' };

/** Does what is left of a run's acts, at most until `end`; the state is the number of acts done. */
async function act(run: RunDirectory, acts: readonly Act[], end: number): Promise<void> {
  const finished = run.manifest.completed.length;
  let unit = `unit${finished}`;
  const done = run.latestCheckpoint(unit)?.state['done'] ?? run.manifest.completed.at(-1)?.result['done'] ?? 0;
  for (let i = Number(done); i < end; i++) {
    const next = acts[i];
    if (next?.kind === 'append') run.log(next.log).append(...next.texts.map((text) => ({ i, text })));
    else if (next?.kind === 'checkpoint')
      await run.saveCheckpoint({ step: i, unit, score: null, state: { done: i + 1 }, write: async () => undefined });
    else if (next?.kind === 'complete') {
      run.completeUnit(unit, { done: i + 1 }, i);
      unit = `unit${run.manifest.completed.length}`;
    }
  }
}

const contents = (path: string): readonly string[] =>
  names.map((name) => {
    const file = join(path, `${name}.jsonl`);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  });

/** The folder as a process leaves it that is killed now. */
function killed(path: string): string {
  const copy = fresh();
  cpSync(path, copy, { recursive: true });
  rmSync(join(copy, 'run.lock'));
  return copy;
}

describe('logs by name', () => {
  it('a run killed after any act and cut at any byte of any log resumes to the bytes of one never killed', async () => {
    const append = fc.record({
      kind: fc.constant('append' as const),
      log: fc.constantFrom(...names, 'tries', 'tries'),
      texts: fc.array(fc.string(), { minLength: 1, maxLength: 3 }),
    });
    const anyAct: fc.Arbitrary<Act> = fc.oneof(
      { weight: 4, arbitrary: append },
      { weight: 2, arbitrary: fc.constant({ kind: 'checkpoint' } as const) },
      { weight: 1, arbitrary: fc.constant({ kind: 'complete' } as const) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyAct, { minLength: 1, maxLength: 8 }),
        fc.nat(100),
        fc.constantFrom(...names),
        fc.constantFrom(100, 100, 70, 30),
        async (acts, donePercent, cut, keptPercent) => {
          const whole = RunDirectory.create(fresh(), description);
          const first = RunDirectory.create(fresh(), description);
          await act(whole, acts, acts.length);
          await act(first, acts, Math.floor((acts.length * donePercent) / 100));
          const path = killed(first.path);
          const file = join(path, `${cut}.jsonl`);
          if (existsSync(file)) truncateSync(file, Math.floor((readFileSync(file).length * keptPercent) / 100));
          const resumed = RunDirectory.resume(path, description);
          await act(resumed, acts, acts.length);
          expect(contents(path)).toEqual(contents(whole.path));
          for (const run of [whole, first, resumed]) run.close('interrupted');
        },
      ),
      { numRuns: 24, seed: 4 },
    );
  });

  it('a log begun after the last checkpoint is empty after a resume, also when nothing asks for it again', async () => {
    const run = RunDirectory.create(fresh(), description);
    run.log('rollouts').append({ a: 1 });
    await run.saveCheckpoint({ step: 1, unit: 'a', score: null, state: {}, write: async () => undefined });
    run.log('tries').append({ a: 2 });
    const path = killed(run.path);
    run.close('interrupted');
    RunDirectory.resume(path).close('interrupted');
    expect(contents(path)).toEqual(['{"a":1}\n', '', '', '']);
    const { manifest, logPath } = openRun(path);
    expect(manifest.logs).toEqual(names);
    expect(await readAllRecords(logPath('tries'))).toEqual([]);
  });

  it('a file that is none of the run’s is neither cut nor written to', () => {
    const run = RunDirectory.create(fresh(), description);
    writeFileSync(join(run.path, 'tries.jsonl'), '{"mine":1}\n');
    expect(() => run.log('tries')).toThrow(ConfigError);
    run.close('interrupted');
    RunDirectory.resume(run.path).close('interrupted');
    expect(readFileSync(join(run.path, 'tries.jsonl'), 'utf8')).toBe('{"mine":1}\n');
  });

  it('a run of an earlier version, whose manifest lists no logs, goes on with the three that it has', async () => {
    const run = RunDirectory.create(fresh(), description);
    run.log('rollouts').append({ a: 1 });
    await run.saveCheckpoint({ step: 1, unit: 'a', score: null, state: {}, write: async () => undefined });
    run.log('metrics').append({ a: 2 });
    run.close('interrupted');
    const file = join(run.path, 'manifest.json');
    const { logs, ...earlier } = readJsonObject(file);
    expect(logs).toEqual(names.slice(0, 3));
    writeFileSync(file, jsonText(earlier));
    RunDirectory.resume(run.path).close('interrupted');
    expect(contents(run.path)).toEqual(['{"a":1}\n', '', '', '']);
    expect(openRun(run.path).manifest.logs).toEqual(names.slice(0, 3));
  });
});
