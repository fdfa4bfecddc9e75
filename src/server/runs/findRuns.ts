/** Finds the runs and sweeps below a folder. Run directories are not entered: what lies in them is theirs. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { sweepFileName } from '../../report/sweepFile.js';

export interface FoundRun {
  readonly id: string;
  readonly folder: string;
  readonly kind: 'run' | 'sweep';
  /** Id of the sweep around it. */
  readonly sweep: string | null;
}

const maxDepth = 6;
const passedOver = new Set(['node_modules', 'checkpoints', 'models', 'judges', 'answers', 'dist']);

/** Returns what lies below `root`, itself included. Links are not followed, and folders that cannot be read are passed
 *  over. */
export function findRuns(root: string): readonly FoundRun[] {
  const found: FoundRun[] = [];
  const visit = (folder: string, id: string, sweep: string | null, depth: number): void => {
    const self = { id: id === '' ? '.' : id, folder };
    if (isFile(join(folder, 'manifest.json'))) {
      found.push({ ...self, kind: 'run', sweep });
      return;
    }
    const isSweep = isSweepFile(join(folder, sweepFileName));
    if (isSweep) found.push({ ...self, kind: 'sweep', sweep: null });
    if (depth === maxDepth) return;
    for (const name of foldersIn(folder))
      visit(join(folder, name), id === '' ? name : `${id}/${name}`, isSweep ? self.id : null, depth + 1);
  };
  visit(root, '', null, 0);
  return found;
}

function foldersIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !passedOver.has(entry.name))
      .map(({ name }) => name)
      .sort();
  } catch {
    return [];
  }
}

/** Files of this name may be of other programs; ours begin with the version of their form. */
function isSweepFile(path: string): boolean {
  return isFile(path) && /^\s*\{\s*"schema"/.test(readFileSync(path, 'utf8').slice(0, 64));
}

function isFile(path: string): boolean {
  return changedMs(path) !== null;
}

/** Returns when a file was changed; null when there is none. */
export function changedMs(path: string): number | null {
  try {
    return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null;
  } catch {
    return null;
  }
}
