/** bench/history.jsonl: one line a recorded run, oldest first, so that speed can be followed over versions and
 *  machines. */
import { appendFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../src/base/packageRoot.js';
import type { About } from './machine.js';
import type { Row } from './results.js';
import type { Roofline } from './roofline.js';

export const historyFile = join(packageRoot(), 'bench', 'history.jsonl');

export interface RecordedRun {
  readonly about: About;
  readonly rows: readonly Row[];
  readonly roofline: readonly Roofline[];
}

/** Medians only; extremes and samples are what --json gives. */
export function historyLine({ about, rows, roofline }: RecordedRun, revision: string | null): string {
  const kept = rows.map(({ bench, work, side, ours, peer, unit, ratio, target, reached, peerRecorded }) => ({
    bench,
    work,
    side,
    ours,
    peer,
    unit,
    ratio,
    target,
    reached,
    ...(peerRecorded === null ? {} : { peerRecorded }),
  }));
  return `${JSON.stringify({ ...about, revision, rows: kept, roofline })}\n`;
}

export function recordRun(run: RecordedRun, file = historyFile): void {
  appendFileSync(file, historyLine(run, revision()));
}

/** The commit, with a plus sign when files differ from it; null outside a repository. */
function revision(): string | null {
  const git = (...args: readonly string[]): string | null => {
    const { status, stdout } = spawnSync('git', [...args], { cwd: packageRoot(), encoding: 'utf8' });
    return status === 0 ? stdout.trim() : null;
  };
  const commit = git('rev-parse', '--short', 'HEAD');
  return commit === null ? null : `${commit}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+'}`;
}
