/** From `gadfly run` to the first rollout of SmolLM2 from GGUF, everything in the cache: the command as a user runs it,
 *  until the record of its first rollout (one prompt, one turn, two utterances of at most 24 tokens and their replies)
 *  is in the run's folder. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, EnvironmentError } from '../src/base/errors.js';
import { packageRoot } from '../src/base/packageRoot.js';
import { ownSide } from './ownSide.js';
import { medianSeconds } from './repeat.js';
import type { Bench, Outcome, Repeat } from './types.js';

export interface StartupOptions {
  readonly model: string;
  readonly threads: number;
  readonly repeat: Repeat;
  /** The built command line. */
  readonly main?: string;
}

/** A look at the file this often. */
const intervalMs = 10;

export const startup: Bench = async (setup) => {
  const model = await setup.gguf();
  return [
    {
      name: 'startup',
      title: 'from `gadfly run` to the first rollout, SmolLM2 from GGUF, warm cache',
      figures: [{ key: 'seconds', title: 'start', unit: 's', better: 'lower' }],
      sides: [ownSide('Gadfly', 'startup', { model, threads: setup.threads, repeat: setup.repeat })],
      targets: [{ kind: 'limit', side: 'Gadfly', figure: 'seconds', atMost: 5 }],
      notes: ['Up to the record of the rollout, so the rollout itself counts as well.'],
    },
  ];
};

/** Our side. */
export async function measureStartup({
  model,
  threads,
  repeat,
  main = join(packageRoot(), 'dist', 'src', 'cli', 'main.js'),
}: StartupOptions): Promise<Outcome> {
  if (!existsSync(main))
    throw new ConfigError('the command line is not built', { where: main, remedy: 'npm run build' });
  const folder = mkdtempSync(join(tmpdir(), 'gadfly-startup-'));
  try {
    const recipe = join(folder, 'recipe.yaml');
    writeFileSync(recipe, JSON.stringify(firstRollout(model, folder))); // JSON is YAML
    let run = 0;
    const seconds = await medianSeconds(
      () => untilFirstRollout([main, 'run', recipe, '--threads', String(threads)], join(folder, String(++run))),
      repeat,
    );
    return { figures: { seconds }, work: { prompts: 1 } };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function firstRollout(model: string, folder: string): object {
  const prompts = join(folder, 'prompts.json');
  writeFileSync(
    prompts,
    JSON.stringify(['Somebody left a perfectly good armchair on the pavement outside our building.']),
  );
  const ipo = { attack: 'ipo', horizon: 1, epochs: 1, promptsPerEpoch: 1, devEvery: 0, keep: 'last' };
  return {
    name: 'startup',
    target: { model },
    adversary: { model },
    judge: 'linear-toxicity',
    prompts: { train: prompts },
    stages: [{ exploit: ipo }],
  };
}

/** Starts the command and ends it as soon as its folder holds a rollout. @throws EnvironmentError when it ends before
 *  that */
async function untilFirstRollout(command: readonly string[], out: string): Promise<void> {
  const rollouts = join(out, 'rollouts.jsonl');
  const child = spawn(process.execPath, [...command, '--out', out], { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-4000)));
  const ended = new Promise<void>((resolve) => child.on('close', resolve));
  try {
    await new Promise<void>((resolve, reject) => {
      const found = (): boolean => existsSync(rollouts) && statSync(rollouts).size > 0;
      const timer = setInterval(() => {
        if (!found()) return;
        clearInterval(timer);
        resolve();
      }, intervalMs);
      void ended.then(() => {
        clearInterval(timer);
        if (found()) resolve();
        else
          reject(
            new EnvironmentError('the run ended without a rollout', { where: command.join(' '), got: errors.trim() }),
          );
      });
    });
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}
