/** The worker's side of a sweep: a point is an ordinary run in the folder of the sweep, which the worker shares with who
 *  started it. What a point does stands in sweep.json there; a job only names it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, InterruptedError } from '../../base/errors.js';
import { readAs } from '../../base/readAs.js';
import { type AcceptedRun, ReturnedJob } from '../../queue/queueWorker.js';
import { readSweepFile, sweepFileName } from '../../report/sweepFile.js';
import { isLocked } from '../../runs/lock.js';
import { knownOutcome, outcomeAfter, playPoint } from '../playPoint.js';
import type { RunOptions } from '../runRecipe.js';
import { recipeOfPoint } from '../sweepRecipes.js';
import { pointMessage } from './messages.js';

export type SweepWorkOptions = Pick<RunOptions, 'pool' | 'note' | 'interrupted'>;

/** @throws ConfigError where the folder of the sweep is not here */
export async function workForSweep(
  { folder }: { readonly folder: string },
  options: SweepWorkOptions,
): Promise<AcceptedRun> {
  if (!existsSync(join(folder, sweepFileName)))
    throw new ConfigError('the folder of this sweep is not here', {
      where: folder,
      remedy: 'Share it under the same path: workers write the runs of points into it.',
    });
  return {
    play: async (payload) => {
      const { name, shard } = readAs(pointMessage, payload, 'a job of the sweep');
      const file = readSweepFile(folder);
      const point = file.points.find((each) => each.name === name);
      if (point === undefined) throw new ConfigError('this sweep has no such point', { where: folder, got: name });
      const loaded = recipeOfPoint(file, point, folder, {});
      const own = join(folder, point.folder);
      const known = await knownOutcome(loaded, own);
      if (known !== null) return known;
      // Its worker is slow and not dead, or it died on another machine.
      if (isLocked(join(own, 'run.lock'))) throw new ReturnedJob(`another process has ${own}`);
      try {
        return await playPoint(loaded, own, { ...options, shard });
      } catch (error) {
        if (error instanceof InterruptedError) throw new ReturnedJob('this worker ends');
        return outcomeAfter(error);
      }
    },
    close: () => Promise.resolve(),
  };
}
