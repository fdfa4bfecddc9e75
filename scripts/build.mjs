// Builds dist/ of a clone when a source differs from what dist/ was built from; `npm run build` starts it directly.
// Plain JavaScript without dependencies.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Builds what is stale; ends the process with status 1 when the build fails. */
export function ensureBuilt() {
  const stamp = join(root, 'dist', '.built-from');
  const sources = ['src', 'organism', 'web']
    .flatMap((folder) => listFiles(folder))
    .filter((path) => /\.(tsx?|json|css|html)$/.test(path) && !/\.test\.tsx?$/.test(path));
  const wanted = hash(
    [...sources.sort(), 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'].flatMap((path) => [
      path,
      readFileSync(join(root, path)),
    ]),
  );
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.error('Building …');
  build('typescript/bin/tsc', '-p', 'tsconfig.build.json');
  build('vite/bin/vite.js', 'build', 'web', '--logLevel', 'warn');
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
}

function build(tool, ...args) {
  const path = join(root, 'node_modules', tool);
  if (!existsSync(path)) fail('this clone is not built and its npm packages are not installed; run npm ci');
  const result = spawnSync(process.execPath, [path, ...args], {
    cwd: root,
    stdio: ['ignore', 2, 2], // standard output belongs to the command that is started next
  });
  if (result.status !== 0) fail('the build failed; see above');
}

function listFiles(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? listFiles(path) : [path];
  });
}

function hash(parts) {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part);
  return digest.digest('hex');
}

/** Prints a message and ends the process with status 1. */
export function fail(message) {
  console.error(`gadfly: ${message}`);
  process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) ensureBuilt();
