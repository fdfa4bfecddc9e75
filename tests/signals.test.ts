/** A run of the command line that is sent a signal, as a process of its own. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../src/base/clock.js';
import { packageRoot } from '../src/base/packageRoot.js';
import { openRun } from '../src/runs/openRun.js';
import { tinySpeaker, writeTinyCommandFiles } from './fakes/tinyCommandRecipe.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-signals-'));
const recipe = join(folder, 'tiny.yaml');

beforeAll(async () => {
  await writeTinyCommandFiles(folder, {
    train: ['good morning', 'a cup of tea'],
    dev: ['the bus is late'],
    test: Array.from({ length: 400 }, (_, i) => `what a day ${String(i)}`),
  });
  writeFileSync(
    recipe,
    `name: tiny
target: ${tinySpeaker}
adversary: ${tinySpeaker}
judge: linear-toxicity
prompts: { train: train.json, dev: dev.json, test: test.json }
stages:
  - exploit: { attack: ipo, horizon: 1, epochs: 1, promptsPerEpoch: 2, batchPairs: 2, learningRate: 1e-3, devEvery: 0 }
  - evaluate: { turns: 8 }
`,
  );
});

interface Ended {
  readonly code: number | null;
  readonly killedBy: NodeJS.Signals | null;
  readonly errors: string;
  readonly secondsAfter: number;
}

/** Starts the run, and sends a signal once stderr holds a text. */
function runAndSignal(out: string, signal: NodeJS.Signals, sign: string): Promise<Ended> {
  const command = ['--import', 'tsx', 'src/cli/main.ts', 'run', recipe, '--out', out, '--threads', '1'];
  const child = spawn(process.execPath, command, { cwd: packageRoot(), stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  let sentMs: number | null = null;
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    errors += piece;
    if (sentMs !== null || !errors.includes(sign)) return;
    sentMs = systemClock.monotonicMs();
    child.kill(signal);
  });
  return new Promise((resolve) => {
    child.on('close', (code, killedBy) => {
      resolve({ code, killedBy, errors, secondsAfter: (systemClock.monotonicMs() - (sentMs ?? NaN)) / 1000 });
    });
  });
}

describe.skipIf(process.platform === 'win32')('a signal to a run', () => {
  it.each([
    ['SIGTERM', 'while models are opened', 'running tiny'],
    ['SIGINT', 'while the adversary learns', 'ipo: 0/1'],
    ['SIGTERM', 'while dialogues are played', 'evaluate: 0/2'],
  ] as const)('%s %s leaves a saved state, exit code 130 and one message', async (signal, moment, sign) => {
    const out = join(folder, moment.replaceAll(' ', '-'));
    const { code, killedBy, errors, secondsAfter } = await runAndSignal(out, signal, sign);
    expect({ code, killedBy }).toEqual({ code: 130, killedBy: null });
    const [, after = ''] = errors.split('press Ctrl-C again to stop at once.\n');
    expect(after).toMatch(/^gadfly: \S+: stopped as asked; the state is saved\n {2}remedy: +Go on with .*\n$/);
    expect(openRun(out).manifest).toMatchObject({ status: 'interrupted' });
    expect(readdirSync(out)).not.toContain('run.lock');
    expect(secondsAfter).toBeLessThan(20);
  });
});
