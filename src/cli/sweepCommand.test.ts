import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../base/packageRoot.js';
import { openRun } from '../runs/openRun.js';
import { readSweepFile } from '../report/sweepFile.js';
import { fakeTerminal, jsonOf, runCli } from './testing/fakeTerminal.js';
import { tinySpeaker, writeTinyCommandFiles } from '../../tests/fakes/tinyCommandRecipe.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-sweeps-'));
const recipe = join(folder, 'tiny.yaml');
const points = ['01-beta=0.05,seed=0', '02-beta=0.05,seed=1', '03-beta=0.5,seed=0', '04-beta=0.5,seed=1'];
const whole = join(folder, 'whole');

const cli = (...argv: readonly string[]) => runCli([...argv, '--threads', '1']);

/** Hashes the records that a seed fixes, of every point. */
const recordsHash = (sweep: string): readonly string[] =>
  points.map((name) => {
    const hash = createHash('sha256');
    for (const file of ['rollouts.jsonl', 'pairs.jsonl']) hash.update(readFileSync(join(sweep, name, file)));
    return hash.digest('hex');
  });

const statuses = (sweep: string): readonly string[] => readSweepFile(sweep).points.map(({ status }) => status);

beforeAll(async () => {
  await writeTinyCommandFiles(folder, {
    train: ['good morning', 'a cup of tea'],
    dev: ['the bus is late'],
    test: ['what a day', 'hello you'],
  });
  writeFileSync(
    recipe,
    `name: tiny
target: ${tinySpeaker}
adversary: ${tinySpeaker}
judge: linear-toxicity
prompts: { train: train.json, dev: dev.json, test: test.json }
stages:
  - exploit: { attack: ipo, horizon: 1, epochs: 2, promptsPerEpoch: 2, batchPairs: 2, learningRate: 1e-3, devEvery: 0 }
  - evaluate: { turns: 1 }
sweep: { grid: { stages.ipo.beta: [0.05, 0.5], seed: [0, 1] } }
`,
  );
});

describe('gadfly run of a sweep', () => {
  it('makes an ordinary run directory for each point, one table, one page, and prints one document', async () => {
    const result = await cli('run', recipe, '--out', whole, '--json');
    expect({ code: result.code, trouble: result.errors.match(/gadfly:.*/)?.[0] }).toEqual({
      code: 0,
      trouble: undefined,
    });
    const document = jsonOf(result) as { points: { name: string; status: string; rows: { name: string }[] }[] };
    expect(document).toMatchObject({
      sweep: whole,
      name: 'tiny',
      status: 'done',
      files: { sweep: join(whole, 'sweep.json'), html: join(whole, 'sweep.html') },
    });
    expect(document.points.map(({ name, status, rows }) => [name, status, rows.map((row) => row.name)])).toEqual(
      points.map((name) => [name, 'done', ['untuned', 'ipo']]),
    );
    expect(document.points[2]).toMatchObject({
      folder: join(whole, '03-beta=0.5,seed=0'),
      values: { 'stages.ipo.beta': 0.5, seed: 0 },
    });
    expect(readdirSync(whole).sort()).toEqual([...points, 'sweep.html', 'sweep.json']);
    const { manifest } = openRun(join(whole, '03-beta=0.5,seed=0'));
    expect(manifest).toMatchObject({
      status: 'done',
      seed: 0,
      configuration: { sweep: null, stages: [{ exploit: { beta: 0.5 } }, {}] },
    });
    expect(existsSync(join(whole, '03-beta=0.5,seed=0', 'report.html'))).toBe(true);
  });

  it('a point is what a run of its values is', async () => {
    const out = join(folder, 'alone');
    expect(
      (await cli('run', recipe, '--set', 'sweep=null', '--set', 'stages.ipo.beta=0.5', '--seed', '1', '--out', out))
        .code,
    ).toBe(0);
    for (const file of ['rollouts.jsonl', 'pairs.jsonl'])
      expect(readFileSync(join(out, file), 'utf8')).toBe(readFileSync(join(whole, '04-beta=0.5,seed=1', file), 'utf8'));
  });

  it('is shown anew by gadfly report, as a page, Markdown and JSON', async () => {
    const before = readFileSync(join(whole, 'sweep.html'), 'utf8');
    expect((await cli('report', whole)).output.trim()).toBe(join(whole, 'sweep.html'));
    expect(readFileSync(join(whole, 'sweep.html'), 'utf8')).toBe(before);
    expect((await cli('report', whole, '--format', 'md')).output).toContain('### Mean over seeds');
    expect(jsonOf(await cli('report', whole, '--format', 'json', '--json'))).toMatchObject({
      schema: 1,
      status: 'done',
      tables: [{ id: 'rows linear-toxicity' }],
    });
  });

  it('a folder that is taken, a finished sweep and a recipe of another kind are refused', async () => {
    const refusals: readonly (readonly [readonly string[], string])[] = [
      [[recipe, '--out', whole], 'already holds a sweep'],
      [[recipe, '--set', 'sweep=null', '--out', whole], 'already holds a sweep'],
      [[recipe, '--out', join(whole, '01-beta=0.05,seed=0')], 'already holds a run'],
      [['--resume', whole], 'this sweep is done'],
      [[recipe, '--set', 'sweep=null', '--resume', whole], 'the recipe is none'],
      [[recipe, '--resume', join(whole, '01-beta=0.05,seed=0')], 'the folder holds a single run'],
      [[recipe, '--set', 'prompts.test=nowhere.json', '--out', join(folder, 'never')], 'prompts.test: no such file'],
      [[recipe, '--set', 'sweep={list: [{seed: -0.5}, {sed: 1}]}', '--out', join(folder, 'never')], '2 problems'],
    ];
    for (const [argv, message] of refusals) {
      const { code, errors } = await cli('run', ...argv);
      expect([code, errors]).toEqual([2, expect.stringContaining(message)]);
    }
    expect(existsSync(join(folder, 'never'))).toBe(false);
  });

  it('Ctrl-C saves and exits 130; --resume passes over what is done and ends in the bytes of an uninterrupted sweep', async () => {
    const out = join(folder, 'stopped');
    const terminal = fakeTerminal({
      onStderr: (text) => {
        if (text.startsWith('2/4 ipo: 1/2')) terminal.interrupt();
      },
    });
    // The clock of the terminal stands still: every change of a task is told only because it ends.
    const clocked = {
      ...terminal,
      clock: {
        ...terminal.clock,
        monotonicMs: (() => {
          let now = 0;
          return () => (now += 20_000);
        })(),
      },
    };
    const stopped = await runCli(['run', recipe, '--out', out, '--threads', '1', '--json'], clocked);
    expect(stopped.code).toBe(130);
    expect(jsonOf({ output: terminal.output() })).toMatchObject({
      error: { code: 'interrupted', remedy: expect.stringContaining('--resume') as unknown },
    });
    expect(statuses(out)).toEqual(['done', 'interrupted', 'pending', 'pending']);
    expect(readFileSync(join(out, 'sweep.html'), 'utf8')).toContain('1 of 4 points are done');
    expect((await cli('run', '--resume', out, '--set', 'stages.ipo.epochs=9')).errors).toContain(
      "'stages.0.exploit.epochs' of 01-beta=0.05,seed=0 differs",
    );
    expect((await cli('run', recipe, '--resume', out, '--set', 'sweep.grid.seed=[0,1,2]')).errors).toContain(
      'the list of points differs',
    );
    const resumed = await cli('run', recipe, '--resume', out);
    expect(resumed.code).toBe(0);
    expect(resumed.errors).toContain('01-beta=0.05,seed=0: done before');
    expect(recordsHash(out)).toEqual(recordsHash(whole));
  });

  it('killed in the middle of a point, it goes on to the same bytes', async () => {
    const out = join(folder, 'killed');
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', 'src/cli/main.ts', 'run', recipe, '--out', out, '--threads', '1'],
      { cwd: packageRoot(), stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const ended = new Promise((done) => child.once('exit', done));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (text.includes('3/4 ipo')) child.kill('SIGKILL');
    });
    await ended;
    expect(child.signalCode).toBe('SIGKILL');
    expect(statuses(out)).toEqual(['done', 'done', 'running', 'pending']);
    expect((await cli('run', '--resume', out)).code).toBe(0);
    expect(statuses(out)).toEqual(['done', 'done', 'done', 'done']);
    expect(recordsHash(out)).toEqual(recordsHash(whole));
  });

  it('a point that fails is noted and the others go on: exit code 1, and --resume tries it again', async () => {
    const out = join(folder, 'failed');
    const result = await cli(
      'run',
      recipe,
      '--out',
      out,
      '--set',
      'sweep={grid: {judge: [linear-toxicty, linear-toxicity]}}',
      '--json',
    );
    expect(result.code).toBe(1);
    const { points: found } = jsonOf(result) as { points: { status: string; reason?: string; rows: unknown[] }[] };
    expect(found.map(({ status, rows }) => [status, rows.length])).toEqual([
      ['failed', 0],
      ['done', 2],
    ]);
    expect(found[0]?.reason).toContain('linear-toxicty');
    const again = await cli('run', '--resume', out);
    expect(again.code).toBe(1);
    expect(again.output).toContain('1 of 2 points done');
    expect(again.errors).toContain('02-judge=linear-toxicity: done before');
  });

  it('limits hold for each point: exit code 4, and they can be raised; a threshold exits 3', async () => {
    const out = join(folder, 'limited');
    const limited = await cli(
      'run',
      recipe,
      '--out',
      out,
      '--set',
      'sweep={grid: {seed: [0, 1]}}',
      '--set',
      'limits.maxTokens=20',
    );
    expect(limited.code).toBe(4);
    expect(statuses(out)).toEqual(['stopped', 'stopped']);
    expect((await cli('run', '--resume', out, '--set', 'limits.maxTokens=null')).code).toBe(0);
    const strict = [
      '--set',
      'sweep={grid: {judge.threshold: [0, 1]}}',
      '--set',
      'stages.evaluate={turns: 1, failOver: 0}',
      '--set',
      'stages.ipo.epochs=1',
    ];
    const over = await cli('run', recipe, '--out', join(folder, 'strict'), ...strict, '--json');
    expect(over.code).toBe(3);
    expect(
      (jsonOf(over) as { points: { thresholdExceeded: string[] }[] }).points.map(
        ({ thresholdExceeded }) => thresholdExceeded,
      ),
    ).toEqual([['untuned', 'ipo'], []]);
  });

  it('--dry-run counts every point and their sum, config validate lists them; neither writes', async () => {
    const out = join(folder, 'dry');
    const { points: each, sum } = jsonOf(await cli('run', recipe, '--dry-run', '--json', '--out', out)) as {
      points: { name: string; targetQueries: number }[];
      sum: { points: number; targetQueries: number };
    };
    expect(each.map(({ name }) => name)).toEqual(points);
    expect(sum).toMatchObject({
      points: 4,
      targetQueries: each.reduce((total, { targetQueries }) => total + targetQueries, 0),
    });
    expect(existsSync(out)).toBe(false);
    expect((await cli('run', recipe, '--dry-run', '--out', out)).output).toContain('sum of 4 points');
    expect((await cli('config', 'validate', recipe)).output).toContain(
      `valid, a sweep of 4 points:\n#   ${points[0] ?? ''}`,
    );
    expect(jsonOf(await cli('config', 'validate', recipe, '--json'))).toMatchObject({
      points: points.map((name) => ({ name })),
    });
  });
});
