/** The peers' interpreter: a given one that has what they import, or one of our own, made once with `python3 -m venv`
 *  and pip in the cache from bench/peers/requirements.txt. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, EnvironmentError } from '../src/base/errors.js';
import { makeFolder } from '../src/base/makeFolder.js';
import { peersFolder } from './peer.js';

const requirements = join(peersFolder, 'requirements.txt');
/** CPU builds of torch, tenths of the size of what PyPI has for Linux; tried first. */
const cpuBuilds = 'https://download.pytorch.org/whl/cpu';
const imports = 'import torch, transformers, profanity_check, sklearn, datasets, tyro';

/** @param given an interpreter, or null for our own
 *  @throws ConfigError when the given one lacks something, EnvironmentError when our own cannot be made */
export function preparePython(given: string | null, cacheDir: string, say: (text: string) => void): string {
  if (given !== null) {
    const tried = spawnSync(given, ['-c', imports], { encoding: 'utf8' });
    if (tried.status === 0) return given;
    throw new ConfigError('this interpreter lacks what the peers import', {
      where: `--python ${given}`,
      got: lastLine(tried.error?.message ?? tried.stderr),
      remedy: `${given} -m pip install -r ${requirements}, or leave --python away.`,
    });
  }
  const folder = join(cacheDir, 'bench', `python-${environmentName(readFileSync(requirements, 'utf8'))}`);
  const interpreter =
    process.platform === 'win32' ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python');
  const ready = join(folder, 'ready');
  if (existsSync(ready)) return interpreter;
  say(`Setting up the peers' Python in ${folder}, once: torch, transformers …`);
  rmSync(folder, { recursive: true, force: true }); // left by an attempt that was broken off
  makeFolder(folder);
  run(
    'python3',
    ['-m', 'venv', folder],
    'Install Python 3.11 or newer with its venv module, or give an interpreter that has the peers (--python).',
  );
  installAll(interpreter);
  run(interpreter, ['-c', imports], 'Give an interpreter that has them (--python).');
  writeFileSync(ready, '');
  return interpreter;
}

/** Returns a folder that holds one package and nothing else, made once in the cache: versions exclude one another, and
 *  what they import is the interpreter's.
 *  @param requirement such as trl==0.11.4
 *  @throws EnvironmentError */
export function prepareApart(
  requirement: string,
  python: string,
  cacheDir: string,
  say: (text: string) => void,
): string {
  const folder = join(cacheDir, 'bench', requirement.replace('==', '-'));
  if (existsSync(join(folder, 'ready'))) return folder;
  say(`Setting up ${requirement} in ${folder}, once …`);
  rmSync(folder, { recursive: true, force: true });
  makeFolder(folder);
  run(
    python,
    ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '--target', folder, requirement],
    'A Python package index must be in reach (PIP_INDEX_URL).',
  );
  writeFileSync(join(folder, 'ready'), '');
  return folder;
}

/** Another list of packages is another environment. */
export function environmentName(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

function installAll(interpreter: string): void {
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  const torch =
    readFileSync(requirements, 'utf8')
      .split('\n')
      .find((line) => line.startsWith('torch==')) ?? 'torch';
  // Out of reach, or without this version: then the second call takes torch from where the other packages come from.
  spawnSync(interpreter, [...pip, '--index-url', cpuBuilds, '--retries', '0', '--timeout', '15', torch], {
    stdio: 'ignore',
  });
  run(
    interpreter,
    [...pip, '-r', requirements],
    'A Python package index must be in reach (PIP_INDEX_URL); or give an interpreter that has the peers (--python).',
  );
}

function run(command: string, args: readonly string[], remedy: string): void {
  const { status, error, stderr } = spawnSync(command, [...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (status === 0) return;
  throw new EnvironmentError('the peers cannot be set up', {
    where: [command, ...args].join(' '),
    got: lastLine(error?.message ?? stderr),
    remedy,
  });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
