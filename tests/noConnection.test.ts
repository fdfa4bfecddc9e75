/** A run with models of this machine opens no connection: every connect, look-up and datagram of the process and its
 *  workers is written down by a preloaded monitor. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../src/base/packageRoot.js';

const monitor = pathToFileURL(join(import.meta.dirname, 'fakes/connectionMonitor.mjs')).href;

function watched(args: readonly string[]): {
  readonly status: number | null;
  readonly stderr: string;
  readonly seen: readonly string[];
} {
  const file = join(mkdtempSync(join(tmpdir(), 'gadfly-monitor-')), 'connections');
  writeFileSync(file, '');
  const { status, stderr } = spawnSync(process.execPath, ['--import', monitor, '--import', 'tsx', ...args], {
    cwd: packageRoot(),
    encoding: 'utf8',
    env: { ...process.env, GADFLY_CONNECTIONS: file },
  });
  return {
    status,
    stderr,
    seen: readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== ''),
  };
}

describe('the network', () => {
  it('a run of attack and evaluation with local models opens no connection, in no thread', () => {
    const out = join(mkdtempSync(join(tmpdir(), 'gadfly-quiet-')), 'run');
    const small = ['epochs=1', 'promptsPerEpoch=2', 'horizon=1', 'devPrompts=2', 'devEvery=1'].flatMap((change) => [
      '--set',
      `stages.ipo.${change}`,
    ]);
    const { status, stderr, seen } = watched([
      'src/cli/main.ts',
      'run',
      'demo',
      '--out',
      out,
      '--threads',
      '1',
      ...small,
      '--set',
      'stages.evaluate.prompts=2',
      '--set',
      'stages.evaluate.turns=1',
    ]);
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
    expect(seen).toEqual(
      expect.arrayContaining(['watching the main thread', 'watching begins in gadfly engine', 'watching a worker']),
    );
    expect(seen.filter((line) => !line.startsWith('watching') && !line.includes('/tsx-'))).toEqual([]);
  });

  it('the monitor sees a connection when there is one', () => {
    const { seen } = watched(['-e', "fetch('http://localhost:9/').catch(() => undefined)"]);
    expect(seen.some((line) => line.startsWith('connect') || line.startsWith('dns'))).toBe(true);
  });
});
