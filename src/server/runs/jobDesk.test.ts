/** Runs that are started from the page, with a program in the place of the command. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.js';
import { JobDesk, type Launcher } from './jobDesk.js';
import type { PlanRequest } from './protocol.js';
import { RunList } from './runList.js';
import { createRunsApp } from './runsApp.js';

/** Prints its arguments; without --dry-run it goes on until SIGINT, and ends then as the command does. */
const program =
  'console.log(process.argv.slice(1).join(" ")); if (process.argv.includes("--dry-run")) process.exit(process.argv.includes("--set=a=bad") ? 2 : 0); process.on("SIGINT", () => process.exit(130)); setInterval(() => {}, 1000); console.log("ready");';

let root: string;
let launched: (readonly string[])[];
let desk: JobDesk;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'gadfly-jobs-')));
  launched = [];
  const launcher: Launcher = {
    recipes: () => [{ name: 'demo', summary: '' }],
    launch: (args, output) => {
      launched.push(args);
      return spawn(process.execPath, ['-e', program, '--', ...args], { stdio: ['ignore', output, output] });
    },
  };
  desk = new JobDesk(root, launcher);
});

const asked: PlanRequest = { kind: 'new', recipe: 'demo', folder: 'small', set: [], seed: null };

async function planned(changes: Partial<PlanRequest> = {}): Promise<string> {
  const { plan } = await desk.plan({ ...asked, ...changes } as PlanRequest);
  if (plan === null) throw new Error('the dry run failed');
  return plan;
}

describe('a run from the page', () => {
  it('is that of its dry run, with each change as one argument, and stops as asked', async () => {
    const answer = await desk.plan({ ...asked, set: ['stages.ipo.epochs=3; rm x'], seed: 4 });
    const args = ['run', 'demo', '--out', join(root, 'small'), '--set=stages.ipo.epochs=3; rm x', '--seed=4'];
    expect(answer.text).toBe(`${[...args, '--dry-run'].join(' ')}\n`);
    expect(answer.command).toContain("'--set=stages.ipo.epochs=3; rm x'");
    expect(desk.start(answer.plan ?? '')).toMatchObject({ id: 'small', state: 'running' });
    expect(launched[1]).toEqual(args);
    await expect.poll(() => desk.job?.log).toContain('ready');
    expect(desk.stop()).toMatchObject({ state: 'stopping' });
    await expect.poll(() => desk.job).toMatchObject({ state: 'ended', exitCode: 130 });
  });

  it('does not start without its own dry run, twice, or beside another', async () => {
    expect(() => desk.start('made up')).toThrow('dry run is shown first');
    const first = await planned();
    const second = await planned({ seed: 2 });
    expect(() => desk.start(first)).toThrow('not the last one');
    desk.start(second);
    expect(() => desk.start(second)).toThrow('dry run is shown first');
    const third = await planned();
    expect(() => desk.start(third)).toThrow('one run at a time: small is in work');
    await expect.poll(() => desk.job?.log).toContain('ready');
    desk.stop();
    expect(() => desk.stop()).toThrow('no run of this page is in work');
    await expect.poll(() => desk.job?.state).toBe('ended');
  });

  it('has no plan where the dry run fails', async () => {
    expect(await desk.plan({ ...asked, set: ['a=bad'] })).toMatchObject({ plan: null });
  });

  it.each(['../out', 'a/b', '.hidden', '-x', 'there'])('is not put into %j', async (folder) => {
    mkdirSync(join(root, 'there'));
    await expect(desk.plan({ ...asked, folder })).rejects.toThrow('folder');
    expect(launched).toEqual([]);
  });

  it('is of a recipe that is listed, or goes on with a run below the folder', async () => {
    await expect(desk.plan({ ...asked, recipe: '/etc/passwd' })).rejects.toThrow('no such recipe');
    await expect(desk.plan({ kind: 'resume', id: '../x', set: [], seed: null })).rejects.toThrow('below the folder');
    mkdirSync(join(root, 'old'));
    await desk.plan({ kind: 'resume', id: 'old', set: [], seed: null });
    expect(launched).toEqual([['run', '--resume', join(root, 'old'), '--dry-run']]);
  });
});

describe('the API', () => {
  const ask = (path: string, body: object, jobs: JobDesk | null = desk): Promise<Response> | Response =>
    createRunsApp(new RunList(root, systemClock), {
      token: 'the-token',
      page: { html: '', assets: new Map() },
      jobs,
    }).request(`http://127.0.0.1${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { host: '127.0.0.1', authorization: 'Bearer the-token', 'content-type': 'application/json' },
    });

  it('refuses what could be taken for a flag, and starts nothing without a plan or where runs are only shown', async () => {
    expect((await ask('/api/plan', { ...asked, set: ['--out=/x'] })).status).toBe(400);
    expect((await ask('/api/plan', { ...asked, args: ['x'] })).status).toBe(400);
    expect((await ask('/api/start', { plan: 'x' })).status).toBe(409);
    expect((await ask('/api/plan', asked, null)).status).toBe(404);
    expect((await ask('/api/plan', asked)).status).toBe(200);
    expect(launched).toHaveLength(1);
  });
});
