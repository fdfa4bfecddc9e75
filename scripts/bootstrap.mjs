// What `npm run demo`, `npm test` and their like do first on any machine: install what is missing, build what is stale.
// Plain JavaScript without dependencies, because it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBuilt, fail } from './build.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [task = 'help', ...rest] = process.argv.slice(2);

const tasks = {
  install: () => {},
  demo: () => {
    ensureBuilt();
    return run(process.execPath, ['dist/src/cli/main.js', 'run', 'demo', ...rest]);
  },
  test: () => vitest('quick'),
  'test:fast': () => vitest('fast'),
  'test:models': () => vitest('models'),
  'test:browser': () => vitest('browser'),
  'test:services': () => vitest('services'),
  bench: () => {
    ensureBuilt();
    return run(process.execPath, ['--import', 'tsx', 'bench/main.ts', ...rest]);
  },
};

function main() {
  const chosen = tasks[task];
  if (chosen === undefined) fail(`unknown task '${task}'; one of: ${Object.keys(tasks).join(', ')}`);
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    fail(`Node 20.19 or newer is needed, this is ${process.versions.node}`);
  ensureInstalled();
  process.exitCode = chosen() ?? 0;
}

function vitest(project) {
  ensureBuilt(); // some tests run the built command
  return run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--project', project, ...rest]);
}

/** Installs when node_modules lacks a package of the lockfile or holds another version of it. */
function ensureInstalled() {
  if (isInstalled()) return;
  console.error('Installing npm packages …');
  // .npmrc says ignore-scripts: the runtime's install script would fetch CUDA libraries; the CPU libraries are in its package.
  const code = run(npm(), ['ci', '--loglevel=error']);
  if (code !== 0) fail('npm ci failed; see above');
}

function isInstalled() {
  const installed = join(root, 'node_modules', '.package-lock.json'); // npm writes it when an installation is complete
  if (!existsSync(installed)) return false;
  const versions = packagesIn(installed);
  return Object.entries(packagesIn(join(root, 'package-lock.json'))).every(
    ([path, { version, optional }]) => path === '' || optional === true || versions[path]?.version === version,
  );
}

function packagesIn(lockfile) {
  return JSON.parse(readFileSync(lockfile, 'utf8')).packages;
}

function npm() {
  return process.platform === 'win32' ? 'npm.cmd' : 'npm';
}

function run(command, args) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['inherit', command === npm() ? 2 : 'inherit', 'inherit'],
  });
  if (result.error !== undefined) fail(result.error.message);
  return result.status ?? 1;
}

main();
