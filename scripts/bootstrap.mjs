// What `npm run demo`, `npm test` and their like do first on any machine: install what is missing, build what is stale.
// Plain JavaScript without dependencies, because it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBuilt, fail, hash } from './build.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [task = 'help', ...rest] = process.argv.slice(2);

const tasks = {
  install: () => {},
  demo: () => {
    ensureBuilt();
    return run(process.execPath, ['dist/src/cli/main.js', 'run', 'demo', ...rest]);
  },
  test: () => vitest('quick'),
  'test:models': () => vitest('models'),
  'test:browser': () => vitest('browser'),
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

/** Installs when node_modules is absent or was made from another lockfile. */
function ensureInstalled() {
  const stamp = join(root, 'node_modules', '.gadfly-lock');
  const wanted = hash([readFileSync(join(root, 'package-lock.json'))]);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.error('Installing npm packages …');
  // .npmrc says ignore-scripts: the runtime's install script would fetch CUDA libraries; the CPU libraries are in its package.
  const code = run(npm(), ['ci', '--loglevel=error']);
  if (code !== 0) fail('npm ci failed; see above');
  writeFileSync(stamp, wanted);
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
