/** Every checkpoint of the attack keeps the planner, in a folder of its own beside the state of the part. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Planner } from '../../learning/planner/planner.js';

export function plannerFolder(checkpoint: string): string {
  return join(checkpoint, 'planner');
}

/** Returns a writer of the planner and of what `write` writes. */
export function withPlanner(
  planner: Pick<Planner, 'save'>,
  write: (folder: string) => Promise<void>,
): (folder: string) => Promise<void> {
  return async (folder) => {
    await mkdir(plannerFolder(folder));
    await planner.save(plannerFolder(folder));
    await write(folder);
  };
}
