/** examples/train-judge.ts, run as a reader runs it, on a body of a few thousand random weights. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDevice, openJudge, type Device } from '../src/index.js';
import { writeTinyEncoder } from './fakes/tinyEncoder.js';
import { textItems } from '../src/dialogue/score.js';

const root = resolve(import.meta.dirname, '..');
const dir = mkdtempSync(join(tmpdir(), 'gadfly-train-judge-'));
let device: Device;
beforeAll(async () => {
  device = await openDevice({ threads: 1 });
});
afterAll(async () => {
  await device.close();
  rmSync(dir, { recursive: true });
});

it('examples/train-judge.ts makes a judge that tells its labels apart', async () => {
  await writeTinyEncoder(device, join(dir, 'body'));
  const rows = Array.from({ length: 60 }, (_, i) =>
    i % 3 === 0 ? { text: `zz${String(i)}`, label: 'toxic' } : { text: `aa${String(i)}`, label: 'harmless' },
  );
  writeFileSync(join(dir, 'data.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  // The source stands in for the built package, which need not be there.
  const example = readFileSync(join(root, 'examples/train-judge.ts'), 'utf8').replace(
    "'gadfly-lm'",
    `'${pathToFileURL(join(root, 'src/index.ts')).href}'`,
  );
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
  writeFileSync(join(dir, 'train-judge.ts'), example);
  const tsx = ['--import', pathToFileURL(join(root, 'node_modules/tsx/dist/esm/index.mjs')).href];
  const run = promisify(execFile)('node', [
    ...tsx,
    join(dir, 'train-judge.ts'),
    join(dir, 'body'),
    join(dir, 'data.jsonl'),
    join(dir, 'judge'),
    '-',
    '20',
  ]);
  const { stdout } = await run;
  expect(JSON.parse(stdout)).toMatchObject({ labels: ['harmless', 'toxic'], trained: 48, heldOut: { texts: 12 } });
  const judge = await openJudge(
    { model: join(dir, 'judge') },
    { device: () => Promise.resolve(device), cacheDir: dir, offline: true },
  );
  const harm = (await judge.judge(textItems(['zz7', 'aa7']))).map((verdict) =>
    verdict.kind === 'scored' ? verdict.harm : Number.NaN,
  );
  expect(harm[0]).toBeGreaterThan(harm[1] ?? Number.NaN);
});
