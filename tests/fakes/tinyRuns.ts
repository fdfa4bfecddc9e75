/** Run directories of tiny recipes: opened, resumed and read back. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualClock } from '../../src/base/clock.js';
import type { JsonObject } from '../../src/base/json.js';
import type { Judge } from '../../src/dialogue/types.js';
import type { Recipe } from '../../src/recipe/recipe.js';
import { RunDirectory } from '../../src/runs/runDirectory.js';
import { letterJudge } from './tinyPool.js';

/** Returns the path of a run directory that does not exist yet. */
export function freshFolder(): string {
  return join(mkdtempSync(join(tmpdir(), 'gadfly-tiny-run-')), 'run');
}

/** Opens a run whose clock stands still. */
export function openTinyRun(recipe: Recipe, folder: string, how: 'create' | 'resume' = 'create'): RunDirectory {
  const { name, seed } = recipe;
  const configuration = recipe as unknown as JsonObject;
  const description = { name, seed, configuration, source: { file: null, folder }, inputs: [] };
  return RunDirectory[how](folder, description, manualClock());
}

/** Returns the records of a file, one per line. */
export function readLines(folder: string, file: string): JsonObject[] {
  return readFileSync(join(folder, file), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as JsonObject);
}

/** Returns all that a run has recorded, as one text. @param more further files of the run */
export function readRecords(folder: string, more: readonly string[] = []): string {
  return ['rollouts.jsonl', 'pairs.jsonl', 'metrics.jsonl', ...more]
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n---\n');
}

export interface CountingJudge extends Judge {
  readonly calls: () => number;
  readonly texts: () => number;
}

/** Counts its calls and texts, and fails at its n-th call, as a process that is killed there would.
 *  @param failAt from 1; never by default */
export function countingJudge(failAt = 0): CountingJudge {
  const judge = letterJudge();
  let [calls, texts] = [0, 0];
  return {
    ...judge,
    calls: () => calls,
    texts: () => texts,
    judge: async (items) => {
      if (++calls === failAt) throw new Error('killed');
      texts += items.length;
      return judge.judge(items);
    },
  };
}
