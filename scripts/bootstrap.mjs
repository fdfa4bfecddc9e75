// What `npm run demo`, `npm test` and their like do first on any machine: install what is missing, build what is stale.
// Plain JavaScript without dependencies, because it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

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
  // The runtime's install script would fetch CUDA libraries; the CPU libraries are inside its package.
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip', npm_config_onnxruntime_node_install: 'skip' };
  const code = run(npm(), ['ci', '--no-fund', '--no-audit', '--loglevel=error', '--ignore-scripts'], env);
  if (code !== 0) fail('npm ci failed; see above');
  writeFileSync(stamp, wanted);
}

/** Builds when any source differs from what dist/ was built from. */
function ensureBuilt() {
  const stamp = join(root, 'dist', '.built-from');
  const sources = ['src', 'organism']
    .flatMap((folder) => listFiles(join(root, folder)))
    .filter((path) => /\.(tsx?|json)$/.test(path));
  const wanted = hash(
    [...sources.sort(), 'tsconfig.json', 'tsconfig.build.json'].flatMap((path) => [
      path,
      readFileSync(join(root, path.replace(root, ''))),
    ]),
  );
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.error('Building …');
  const code = run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']);
  if (code !== 0) fail('the build failed; see above');
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
}

function listFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? listFiles(path) : [path];
  });
}

function hash(parts) {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part);
  return digest.digest('hex');
}

function npm() {
  return process.platform === 'win32' ? 'npm.cmd' : 'npm';
}

function run(command, args, env = process.env) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['inherit', command === npm() ? 2 : 'inherit', 'inherit'],
    env,
  });
  if (result.error !== undefined) fail(result.error.message);
  return result.status ?? 1;
}

function fail(message) {
  console.error(`gadfly: ${message}`);
  process.exit(1);
}

main();
