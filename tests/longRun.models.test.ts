/** Memory of a long run, on the shipped organism: what an epoch allocates it gives back. In this tier for its time, not
 *  for a checkpoint. */
import { playJobsHere } from '../src/dialogue/rollout/jobs.js';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { systemClock } from '../src/base/clock.js';
import { packageRoot } from '../src/base/packageRoot.js';
import { openDevice } from '../src/engine/runtime/device.js';
import { recipeSchema } from '../src/recipe/recipe.js';
import { RunDirectory } from '../src/runs/runDirectory.js';
import { runStages } from '../src/stages/runStages.js';
import { openModelPool } from '../src/models/pool.js';

const epochs = 100;
/** The epoch whose size the end is compared with: arenas and heaps have grown to what they need by then. */
const settled = 20;

it('a run of 100 epochs ends with the resident size of epoch 20, to 10%: an epoch that kept half a megabyte would show', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gadfly-long-'));
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const sizes = new Map<number, number>();
  const speaker = { model: 'organism', temperature: 1, topP: 1, repetitionPenalty: 1 };
  const recipe = recipeSchema.parse({
    name: 'long',
    target: speaker,
    adversary: speaker,
    judge: 'organism:judge',
    prompts: { data: join(packageRoot(), 'assets/organism/prompts.json') },
    stages: [{ exploit: { attack: 'ipo', horizon: 2, epochs, promptsPerEpoch: 2, devEvery: 0, keep: 'last' } }],
  });
  const pool = openModelPool({
    recipe,
    folder,
    openDevice: () => openDevice({ threads: 1 }),
    cacheDir: folder,
    offline: true,
  });
  try {
    const run = RunDirectory.create(join(folder, 'run'), {
      name: 'long',
      seed: 0,
      configuration: {},
      source: { file: null, folder },
      inputs: [],
    });
    await runStages({
      recipe,
      run,
      pool,
      clock: systemClock,
      playJobs: playJobsHere,
      limits: { mayGoOn: () => undefined },
      progress: ({ phase, done }) => {
        if (phase !== 'rollout') return;
        collectGarbage();
        sizes.set(done, process.memoryUsage.rss());
      },
    });
    run.close('done');
  } finally {
    await pool.close();
    rmSync(folder, { recursive: true, force: true });
  }
  // The largest of a few epochs: the runtime's arenas come and go by some megabytes. Over 200 epochs it was 1 to 5%
  // more.
  const around = (epoch: number): number =>
    Math.max(...[...sizes].flatMap(([at, size]) => (Math.abs(at - epoch) <= 4 ? [size] : [])));
  expect(sizes.size).toBe(epochs);
  expect(around(epochs - 5)).toBeLessThan(1.1 * around(settled));
});
